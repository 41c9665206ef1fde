/*
 * The first thread ends by pthread_exit while others live on; the process ends with the
 * last, whose atexit handlers run.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>

static pthread_t first;

static void at_end(void)
{
	printf("at exit, thread %d of %d\n", gettid(), getpid());
}

static void *last(void *arg)
{
	T_CHECK(pthread_join(first, NULL) == 0);
	usleep(2000);
	printf("the first is gone: %lld\n", (long long)t_now_ns(CLOCK_MONOTONIC));
	return arg;
}

int main(void)
{
	pthread_t th;

	first = pthread_self();
	T_CHECK(atexit(at_end) == 0);
	T_CHECK(pthread_create(&th, NULL, last, NULL) == 0);
	pthread_exit(NULL);
}
