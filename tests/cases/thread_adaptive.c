/*
 * Adaptive mutexes that are fought for. glibc takes the number of rounds that a thread spins before it
 * sleeps from the time stamp counter, and keeps a mean of it in the mutex, which lies in the program's
 * data: the program may read it, and the data tell where a thread was stopped.
 */
/* CFLAGS: -O2 */
/* LDLIBS: -lpthread */
/* SOAK */
#include "victim.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { THREADS = 3, ROUNDS = 40 };

static pthread_mutex_t locks[2] = {PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP, PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP};
static unsigned long order, means;
static volatile unsigned long racy;
static atomic_int done;

static void *fight(void *arg)
{
	unsigned long self = (unsigned long)arg;
	struct timespec pause = {0, 20000}, limit;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_t *m = &locks[i & 1];

		if (i % 3 == 0) {
			pthread_mutex_lock(m);
		} else {
			clock_gettime(CLOCK_REALTIME, &limit);
			limit.tv_sec += 10;
			T_CHECK(pthread_mutex_timedlock(m, &limit) == 0);
		}
		order = order * 31 + self;
		means = means * 31 + (unsigned long)m->__data.__spins;
		nanosleep(&pause, NULL);
		pthread_mutex_unlock(m);
	}
	atomic_fetch_add(&done, 1);
	return NULL;
}

/* Comes to no call, so it is stopped again and again: at a value of `racy`, and of the mutexes. */
static void *compute(void *arg)
{
	while (atomic_load(&done) < THREADS)
		racy++;
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS + 1];

	T_CHECK(pthread_create(&threads[THREADS], NULL, compute, NULL) == 0);
	for (unsigned long i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&threads[i], NULL, fight, (void *)(i + 1)) == 0);
	for (int i = 0; i <= THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("order %lx means %lx computed %lu\n", order, means, racy);
	return 0;
}
