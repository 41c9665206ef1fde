/*
 * A thread that is stopped in a computation it does again and again: what counts the rounds lies near
 * the end of its stack, beyond a frame that is the same each time, a small one or a large one, and
 * nowhere else. Another thread sleeps meanwhile, so memory that is not this thread's own cannot tell.
 */
/* SOAK */
/* CFLAGS: -O1 */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <unistd.h>

static volatile int stop;
static int numbers[3000];

#define SUM(name, len)                                                                         \
	__attribute__((noinline)) static long name(void)                                       \
	{                                                                                      \
		volatile char frame[len];                                                      \
		long total = 0;                                                                \
                                                                                               \
		frame[0] = 0;                                                                  \
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)              \
			total += numbers[i] ^ (long)i;                                         \
		return total + frame[0];                                                       \
	}
SUM(sum_small, 1024)
SUM(sum_large, 50000)

static void *count(void *arg)
{
	volatile unsigned long rounds = 0;

	while (!stop) {
		arg ? sum_large() : sum_small();
		rounds++;
	}
	printf("%lu rounds\n", rounds);
	return arg;
}

int main(void)
{
	pthread_t thread;

	for (intptr_t i = 0; i < 4; i++) {
		stop = 0;
		T_CHECK(pthread_create(&thread, NULL, count, (void *)(i & 1)) == 0);
		usleep(15000);
		stop = 1;
		T_CHECK(pthread_join(thread, NULL) == 0);
	}
	return 0;
}
