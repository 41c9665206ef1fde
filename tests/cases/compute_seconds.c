/*
 * A loop that computes for seconds without a call until a SIGALRM handler sets a flag: what it
 * came to tells the instruction at which the handler ran. Alone first, then beside a thread
 * that waits.
 */
/* LDLIBS: -lpthread */
/* SCALE: 1 */
#include "victim.h"
#include <pthread.h>

static volatile sig_atomic_t stop;

static void on_alarm(int sig)
{
	(void)sig;
	stop = 1;
}

static void compute(unsigned seconds)
{
	uint64_t mixed = t_seed(), rounds = 0;
	int64_t start = t_now_ns(CLOCK_MONOTONIC);

	stop = 0;
	alarm(seconds);
	while (!stop) {
		mixed = mixed * 6364136223846793005u + 1442695040888963407u;
		mixed ^= mixed >> 29;
		rounds++;
	}
	T_CHECK(t_now_ns(CLOCK_MONOTONIC) - start >= seconds * INT64_C(990000000));
	printf("%llu rounds: %016llx\n", (unsigned long long)rounds, (unsigned long long)mixed);
}

static void *waits(void *arg)
{
	sigset_t set;
	char byte;

	sigfillset(&set);
	T_CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	T_CHECK(read(*(int *)arg, &byte, 1) == 0);
	return NULL;
}

int main(void)
{
	const char *scale = getenv("VICTIM_SCALE");
	unsigned seconds = scale ? (unsigned)atoi(scale) : 1;
	pthread_t th;
	int p[2];

	T_CHECK(signal(SIGALRM, on_alarm) != SIG_ERR && pipe(p) == 0);
	compute(seconds);
	T_CHECK(pthread_create(&th, NULL, waits, p) == 0);
	compute(seconds);
	T_CHECK(close(p[1]) == 0 && pthread_join(th, NULL) == 0);
	return 0;
}
