/*
 * A mutex whose holder unlocks it and locks it again, again and again: all its crossings are under
 * it (Algol 68 Genie's threads, which ask for the limit of their stack there). Another thread sleeps
 * for it, and has to get it some time, as it does on two processors.
 */
/* SOAK */
/* CFLAGS: -O1 */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TURNS = 5 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int done;

static void *want(void *arg)
{
	usleep(10000);
	for (int i = 0; i < TURNS; i++) {
		pthread_mutex_lock(&lock);
		done += i == TURNS - 1;
		pthread_mutex_unlock(&lock);
		usleep(500);
	}
	return arg;
}

int main(void)
{
	volatile uint64_t sum = 0;
	unsigned long rounds = 0;
	struct rlimit limit;
	pthread_t thread;
	int seen = 0;

	T_CHECK(pthread_create(&thread, NULL, want, NULL) == 0);
	for (; !seen; rounds++) {
		pthread_mutex_lock(&lock);
		getrlimit(RLIMIT_STACK, &limit);
		seen = done;
		pthread_mutex_unlock(&lock);
		for (int i = 0; i < 300; i++) /* the lock is free most of the time */
			sum += sum ^ (uint64_t)i;
	}
	T_CHECK(pthread_join(thread, NULL) == 0);
	printf("%lu rounds\n", rounds);
	return 0;
}
