/*
 * exit() from a thread that is not the first, while others wait in calls and one computes.
 */
/* SOAK */
/* LDLIBS: -lpthread */
/* STATUS: 41 */
#include "victim.h"
#include <pthread.h>

static int p[2];

static void *reader(void *arg)
{
	char c;

	(void)arg;
	T_CHECK(read(p[0], &c, 1) < 0);
	return NULL;
}

static void *sleeper(void *arg)
{
	for (;;)
		usleep(300);
	return arg;
}

static void *leaver(void *arg)
{
	(void)arg;
	usleep(5000);
	printf("leaving at %lld\n", (long long)t_now_ns(CLOCK_MONOTONIC));
	exit(41);
}

int main(void)
{
	pthread_t th;

	T_CHECK(pipe(p) == 0);
	for (int i = 0; i < 3; i++) {
		T_CHECK(pthread_create(&th, NULL, reader, NULL) == 0);
		T_CHECK(pthread_create(&th, NULL, sleeper, NULL) == 0);
	}
	T_CHECK(pthread_create(&th, NULL, leaver, NULL) == 0);
	T_CHECK(pthread_join(th, NULL) == 0);
	return 1;
}
