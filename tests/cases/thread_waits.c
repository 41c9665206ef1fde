/*
 * What threads wait on besides mutexes: rwlock, condition variables with and without
 * timeout, barrier, semaphore, once, spinlock under a mutex, and the C11 forms.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

enum { THREADS = 4, ROUNDS = 40, LOG_MAX = 100000 };

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t bar;
static sem_t sem;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int value, items, taken[THREADS], timeouts, once_runs, serials;
static char order[LOG_MAX];
static int order_len;

static void note(char who)
{
	order[__atomic_fetch_add(&order_len, 1, __ATOMIC_SEQ_CST)] = who;
}

static void run(const char *name, void *(*fn)(void *))
{
	pthread_t th[THREADS];

	order_len = 0;
	for (intptr_t i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&th[i], NULL, fn, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	printf("%s %.*s\n", name, order_len, order);
}

static void *rwlocks(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		if ((i + me) % 4 == 0) {
			T_CHECK(pthread_rwlock_wrlock(&rw) == 0);
			value++;
			note((char)('A' + me));
		} else {
			T_CHECK(pthread_rwlock_rdlock(&rw) == 0);
			note((char)('a' + me));
		}
		usleep(10);
		T_CHECK(pthread_rwlock_unlock(&rw) == 0);
	}
	return NULL;
}

/* Thread 0 makes, the others take. */
static void *conds(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; me == 0 && i < ROUNDS * (THREADS - 1); i++) {
		pthread_mutex_lock(&m);
		items++;
		if (i & 1)
			pthread_cond_signal(&c);
		else
			pthread_cond_broadcast(&c);
		pthread_mutex_unlock(&m);
		if (i % 8 == 0)
			usleep(50);
	}
	for (int i = 0; me && i < ROUNDS; i++) {
		pthread_mutex_lock(&m);
		while (!items)
			pthread_cond_wait(&c, &m);
		items--;
		note((char)('a' + me));
		pthread_mutex_unlock(&m);
	}
	return NULL;
}

static void *timed(void *arg)
{
	struct timespec ts;

	for (int i = 0; i < ROUNDS / 4; i++) {
		int rc;

		clock_gettime(i & 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &ts);
		ts.tv_nsec += 500000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_nsec -= 1000000000;
			ts.tv_sec++;
		}
		pthread_mutex_lock(&m);
		rc = pthread_cond_clockwait(&done, &m, i & 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC,
					    &ts);
		T_CHECK(rc == 0 || rc == ETIMEDOUT);
		note(rc ? 't' : 's');
		timeouts += rc != 0;
		pthread_mutex_unlock(&m);
		if ((intptr_t)arg == i % THREADS)
			pthread_cond_signal(&done);
	}
	return NULL;
}

static void *barriers(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int rc = pthread_barrier_wait(&bar);

		T_CHECK(rc == 0 || rc == PTHREAD_BARRIER_SERIAL_THREAD);
		if (rc) {
			serials++;
			note((char)('a' + (intptr_t)arg));
		}
	}
	return NULL;
}

static void *semaphores(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct timespec ts;

		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_sec += 5;
		T_CHECK(i & 1 ? sem_wait(&sem) == 0 : sem_timedwait(&sem, &ts) == 0);
		note((char)('a' + (intptr_t)arg));
		usleep(5);
		T_CHECK(sem_post(&sem) == 0);
	}
	return NULL;
}

static void only_once(void)
{
	usleep(3000);
	once_runs++;
}

static void *onces(void *arg)
{
	T_CHECK(pthread_once(&once, only_once) == 0 && once_runs == 1);
	note((char)('a' + (intptr_t)arg));
	return NULL;
}

static mtx_t mtx;
static cnd_t cnd;
static once_flag flag = ONCE_FLAG_INIT;
static tss_t tss;
static int c11_turn;
static thread_local int local;

static int c11(void *arg)
{
	int me = (int)(intptr_t)arg;

	call_once(&flag, only_once);
	T_CHECK(tss_set(tss, &local) == thrd_success);
	for (int i = 0; i < ROUNDS; i++) {
		mtx_lock(&mtx);
		while (c11_turn % THREADS != me)
			cnd_wait(&cnd, &mtx);
		c11_turn++;
		local++;
		cnd_broadcast(&cnd);
		mtx_unlock(&mtx);
		if (i % 16 == me)
			thrd_sleep(&(struct timespec){0, 1000}, NULL);
	}
	T_CHECK(*(int *)tss_get(tss) == ROUNDS);
	thrd_exit(me + 10);
}

int main(void)
{
	thrd_t th[THREADS];

	T_CHECK(pthread_barrier_init(&bar, NULL, THREADS) == 0 && sem_init(&sem, 0, 2) == 0);
	run("rwlock", rwlocks);
	T_CHECK(value == THREADS * ROUNDS / 4);
	run("cond", conds);
	run("timed", timed);
	run("barrier", barriers);
	T_CHECK(serials == ROUNDS);
	run("semaphore", semaphores);
	run("once", onces);
	T_CHECK(mtx_init(&mtx, mtx_plain) == thrd_success && cnd_init(&cnd) == thrd_success);
	T_CHECK(tss_create(&tss, NULL) == thrd_success);
	for (intptr_t i = 0; i < THREADS; i++)
		T_CHECK(thrd_create(&th[i], c11, (void *)i) == thrd_success);
	for (int i = 0; i < THREADS; i++) {
		int res;

		T_CHECK(thrd_join(th[i], &res) == thrd_success && res == i + 10);
	}
	printf("%d timeouts, %lld\n", timeouts, (long long)t_now_ns(CLOCK_MONOTONIC));
	(void)taken;
	return 0;
}
