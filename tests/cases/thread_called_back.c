/*
 * A thread that wakes another, computes for a moment and then takes back what it woke it for, and waits until that
 * one has seen so, again and again: so Go's runtime starts its world and stops it, for each profile of goroutines.
 * On two processors the woken thread comes in between, nearly always. (Its turn always came when it was called back
 * already, and where the program ends by what it does, that never ended.)
 */
/* SOAK */
/* CFLAGS: -O1 */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

enum { WANTED = 8 };

static int woken, seen; /* futexes */
static int stop, got_on;

static void wait_for(int *word)
{
	while (!__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL);
}

static void tell(int *word)
{
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

static void *follow(void *arg)
{
	for (int end = 0; !end; tell(&seen)) {
		wait_for(&woken);
		if (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
			end = __atomic_add_fetch(&got_on, 1, __ATOMIC_SEQ_CST) == WANTED;
	}
	return arg;
}

int main(void)
{
	volatile uint64_t sum = 0;
	unsigned long rounds = 0;
	pthread_t thread;

	T_CHECK(pthread_create(&thread, NULL, follow, NULL) == 0);
	for (; __atomic_load_n(&got_on, __ATOMIC_SEQ_CST) < WANTED; rounds++) {
		T_CHECK(rounds < 200000);
		__atomic_store_n(&stop, 0, __ATOMIC_SEQ_CST);
		tell(&woken);
		for (int i = 0; i < 8000; i++) /* some 10 us */
			sum += sum ^ (uint64_t)i;
		__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
		wait_for(&seen);
	}
	T_CHECK(pthread_join(thread, NULL) == 0);
	printf("%lu rounds\n", rounds);
	return 0;
}
