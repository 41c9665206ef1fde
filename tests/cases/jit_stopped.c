/*
 * Generated code that is stopped in the middle of a computation, in pages that stay writable: its
 * counters lie beside it, and it is generated anew afterwards. Shows that stopping it leaves what
 * may be done with its memory alone.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/mman.h>

enum { PAGE = 4096, ROUNDS = 4, COUNTER = PAGE / 2 };
typedef void code_fn(volatile char *flag);

static volatile char flag;

static void *raise_flag(void *arg)
{
	usleep(1000);
	flag = 1;
	return arg;
}

/* Adds step to the counter until the flag is set. */
static void emit(uint8_t *at, const uint8_t *counter, uint8_t step)
{
	int32_t distance = (int32_t)(counter - (at + 8));
	static const uint8_t rest[] = {0x80, 0x3f, 0,	 /* cmpb $0, (%rdi) */
				       0x74, 0xf3, 0xc3}; /* je to the start; ret */

	*at++ = 0x48, *at++ = 0x83, *at++ = 0x05; /* addq $step, counter(%rip) */
	memcpy(at, &distance, 4);
	at[4] = step;
	memcpy(at + 5, rest, sizeof(rest));
}

int main(void)
{
	uint8_t *code = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* at the page's start, and across the end of it */
	uint8_t *places[] = {code, code + PAGE - 3};

	T_CHECK(code != MAP_FAILED);
	for (uint8_t round = 0; round < ROUNDS; round++) {
		uint8_t *at = places[round & 1];
		pthread_t th;
		uint64_t count;

		memset(code, 0xcc, 2 * PAGE);
		memset(code + COUNTER, 0, 8);
		emit(at, code + COUNTER, (uint8_t)(round + 1));
		flag = 0;
		T_CHECK(pthread_create(&th, NULL, raise_flag, NULL) == 0);
		((code_fn *)(uintptr_t)at)(&flag);
		T_CHECK(pthread_join(th, NULL) == 0);
		memcpy(&count, code + COUNTER, 8);
		T_CHECK(count && count % (round + 1) == 0);
		printf("%d: %llu\n", round, (unsigned long long)count);
	}
	return 0;
}
