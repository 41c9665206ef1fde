/*
 * A thread that is stopped in a computation it does again and again: what counts the rounds lies in
 * memory that was mapped for it, several MiB of it, and is got at by way of other objects there: by
 * pointers, and by references of 32 bits, as virtual machines have them. The frames are the same
 * each time, and the inner loop, in which the thread is stopped, reads nothing that differs.
 */
/* SOAK */
/* CFLAGS: -O1 */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/mman.h>

enum { HEAP_LEN = 8 << 20, NUMBERS = 3000, AT = 5 << 20 };

static volatile int stop;

struct counter {
	unsigned long rounds;
};
struct walk { /* of the numbers, and of whoever walks there */
	const int *numbers;
	struct counter *counter;
};
struct walk32 {
	uint32_t numbers, counter;
};

static __attribute__((noipa)) long sum(const int *numbers)
{
	long total = 0;

	for (int i = 0; i < NUMBERS; i++)
		total += numbers[i] ^ i;
	return total;
}

static __attribute__((noipa)) void walk(struct walk *w)
{
	sum(w->numbers);
	w->counter->rounds++;
}

static __attribute__((noipa)) void walk32(struct walk32 *w)
{
	sum((const int *)(uintptr_t)w->numbers);
	((struct counter *)(uintptr_t)w->counter)->rounds++;
}

static void *by_pointers(void *heap)
{
	struct walk *w = (struct walk *)((char *)heap + AT);

	w->numbers = heap;
	w->counter = (struct counter *)((char *)heap + AT / 2);
	while (!stop)
		walk(w);
	printf("%lu rounds\n", w->counter->rounds);
	return NULL;
}

static void *by_references(void *heap)
{
	struct walk32 *w = (struct walk32 *)((char *)heap + AT);

	w->numbers = (uint32_t)(uintptr_t)heap;
	w->counter = (uint32_t)(uintptr_t)heap + AT / 2;
	while (!stop)
		walk32(w);
	printf("%lu rounds\n", ((struct counter *)(uintptr_t)w->counter)->rounds);
	return NULL;
}

int main(void)
{
	for (int i = 0; i < 4; i++) {
		pthread_t thread;
		void *heap = mmap(NULL, HEAP_LEN, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | (i & 1 ? MAP_32BIT : 0), -1, 0);

		T_CHECK(heap != MAP_FAILED);
		stop = 0;
		T_CHECK(pthread_create(&thread, NULL, i & 1 ? by_references : by_pointers, heap) == 0);
		usleep(15000);
		stop = 1;
		T_CHECK(pthread_join(thread, NULL) == 0);
		T_CHECK(munmap(heap, HEAP_LEN) == 0);
	}
	return 0;
}
