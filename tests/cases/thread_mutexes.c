/*
 * Every kind of mutex, contended: normal, recursive, error-checking, adaptive, robust with
 * owner death, priority-inheriting, timed, also until times that are none. Shows that who got
 * a lock when is the same.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 4, ROUNDS = 60 };

static pthread_mutex_t mutex;
static sem_t held;
static char order[THREADS * ROUNDS + 1];
static int taken;

static void linger(void)
{
	if (t_now_ns(CLOCK_MONOTONIC) & 64)
		usleep(1);
	else
		sched_yield();
}

static void *fight(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		T_CHECK(pthread_mutex_lock(&mutex) == 0);
		order[taken++] = (char)('a' + (intptr_t)arg);
		linger();
		T_CHECK(pthread_mutex_unlock(&mutex) == 0);
		linger();
	}
	return NULL;
}

static void contend(const char *name)
{
	pthread_t th[THREADS];

	taken = 0;
	for (intptr_t i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&th[i], NULL, fight, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	T_CHECK(taken == THREADS * ROUNDS);
	printf("%s %s\n", name, order);
}

static void make(int type, int robust, int protocol)
{
	pthread_mutexattr_t attr;

	T_CHECK(pthread_mutexattr_init(&attr) == 0);
	T_CHECK(pthread_mutexattr_settype(&attr, type) == 0);
	T_CHECK(pthread_mutexattr_setrobust(&attr, robust) == 0);
	T_CHECK(pthread_mutexattr_setprotocol(&attr, protocol) == 0);
	T_CHECK(pthread_mutex_init(&mutex, &attr) == 0);
}

static void *die_with_it(void *arg)
{
	(void)arg;
	T_CHECK(pthread_mutex_lock(&mutex) == 0);
	sem_post(&held);
	usleep(2000);
	return NULL;
}

static void *inherit(void *arg)
{
	int rc = pthread_mutex_lock(&mutex);

	T_CHECK(rc == 0 || rc == EOWNERDEAD);
	if (rc == EOWNERDEAD) {
		printf("%ld found its owner dead\n", (long)(intptr_t)arg);
		T_CHECK(pthread_mutex_consistent(&mutex) == 0);
	}
	T_CHECK(pthread_mutex_unlock(&mutex) == 0);
	return NULL;
}

static void owner_death(void)
{
	pthread_t owner, th[THREADS];

	while (sem_trywait(&held) == 0)
		;
	T_CHECK(pthread_create(&owner, NULL, die_with_it, NULL) == 0);
	T_CHECK(sem_wait(&held) == 0);
	for (intptr_t i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&th[i], NULL, inherit, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	T_CHECK(pthread_join(owner, NULL) == 0);
	/* not made consistent: lost for ever */
	T_CHECK(pthread_create(&owner, NULL, die_with_it, NULL) == 0);
	T_CHECK(pthread_join(owner, NULL) == 0);
	T_CHECK(pthread_mutex_lock(&mutex) == EOWNERDEAD);
	T_CHECK(pthread_mutex_unlock(&mutex) == 0);
	T_CHECK(pthread_mutex_lock(&mutex) == ENOTRECOVERABLE);
}

static void *hold(void *arg)
{
	T_CHECK(pthread_mutex_lock(&mutex) == 0);
	sem_post(&held);
	usleep(20000);
	T_CHECK(pthread_mutex_unlock(&mutex) == 0);
	return arg;
}

static void timed(void)
{
	struct timespec ts;
	pthread_t th;
	int rc, tries = 0;

	T_CHECK(pthread_create(&th, NULL, hold, NULL) == 0);
	T_CHECK(sem_wait(&held) == 0);
	do {
		T_CHECK(clock_gettime(CLOCK_REALTIME, &ts) == 0);
		ts.tv_nsec += 3000000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_nsec -= 1000000000;
			ts.tv_sec++;
		}
		rc = pthread_mutex_timedlock(&mutex, &ts);
		T_CHECK(rc == 0 || rc == ETIMEDOUT);
		tries++;
	} while (rc);
	T_CHECK(pthread_mutex_unlock(&mutex) == 0);
	T_CHECK(pthread_join(th, NULL) == 0);
	printf("timed: %d\n", tries);
}

/* One's own mutex, until a time that is reached and one that is none. */
static void timed_own(void)
{
	struct timespec ts;

	T_CHECK(pthread_mutex_lock(&mutex) == 0);
	T_CHECK(clock_gettime(CLOCK_REALTIME, &ts) == 0);
	T_CHECK(pthread_mutex_timedlock(&mutex, &ts) == ETIMEDOUT);
	ts.tv_nsec = 1000000000;
	T_CHECK(pthread_mutex_timedlock(&mutex, &ts) == EINVAL);
	T_CHECK(pthread_mutex_unlock(&mutex) == 0);
}

int main(void)
{
	T_CHECK(sem_init(&held, 0, 0) == 0);
	make(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	contend("normal");
	timed();
	timed_own();
	make(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	T_CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_lock(&mutex) == 0);
	T_CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
	contend("recursive");
	make(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	T_CHECK(pthread_mutex_unlock(&mutex) == EPERM && pthread_mutex_lock(&mutex) == 0);
	T_CHECK(pthread_mutex_lock(&mutex) == EDEADLK && pthread_mutex_unlock(&mutex) == 0);
	contend("errorcheck");
	make(PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	contend("adaptive");
	make(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
	contend("robust");
	owner_death();
	make(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT);
	contend("inherit");
	timed();
	timed_own();
	make(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT);
	T_CHECK(pthread_mutex_lock(&mutex) == 0);
	T_CHECK(pthread_mutex_lock(&mutex) == EDEADLK && pthread_mutex_trylock(&mutex) != 0);
	T_CHECK(pthread_mutex_unlock(&mutex) == 0);
	make(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT);
	contend("robust inherit");
	owner_death();
	return 0;
}
