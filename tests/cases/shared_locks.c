/*
 * What POSIX offers for processes that share memory: mutexes (plain and robust, with an
 * owner that exits while it holds one), condition variables, unnamed and named semaphores,
 * a read-write lock, a barrier. Who gets what first differs from run to run.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

enum { WORKERS = 3, ROUNDS = 60 };

struct shared {
	pthread_mutex_t mutex, robust;
	pthread_cond_t filled, emptied;
	pthread_rwlock_t rwlock;
	pthread_barrier_t barrier;
	sem_t sem;
	int slot, left;
	int order[WORKERS * ROUNDS], count;
	uint64_t mixed;
	int64_t latest;
};

static void init(struct shared *s)
{
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pthread_rwlockattr_t ra;
	pthread_barrierattr_t ba;

	T_CHECK(!pthread_mutexattr_init(&ma) &&
		!pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED));
	T_CHECK(!pthread_mutex_init(&s->mutex, &ma));
	T_CHECK(!pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST));
	T_CHECK(!pthread_mutex_init(&s->robust, &ma));
	T_CHECK(!pthread_condattr_init(&ca) &&
		!pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED));
	T_CHECK(!pthread_cond_init(&s->filled, &ca) && !pthread_cond_init(&s->emptied, &ca));
	T_CHECK(!pthread_rwlockattr_init(&ra) &&
		!pthread_rwlockattr_setpshared(&ra, PTHREAD_PROCESS_SHARED));
	T_CHECK(!pthread_rwlock_init(&s->rwlock, &ra));
	T_CHECK(!pthread_barrierattr_init(&ba) &&
		!pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED));
	T_CHECK(!pthread_barrier_init(&s->barrier, &ba, WORKERS));
	T_CHECK(!sem_init(&s->sem, 1, 1));
}

static void work(struct shared *s, sem_t *named, int me)
{
	pthread_barrier_wait(&s->barrier);
	for (int i = 0; i < ROUNDS; i++) {
		T_CHECK(!pthread_mutex_lock(&s->mutex));
		while (!s->slot)
			pthread_cond_wait(&s->filled, &s->mutex);
		s->slot--;
		s->order[s->count++] = me;
		T_CHECK(!pthread_cond_signal(&s->emptied) && !pthread_mutex_unlock(&s->mutex));

		T_CHECK(!sem_wait(&s->sem));
		s->mixed = s->mixed * 31 + (uint64_t)me;
		T_CHECK(!sem_post(&s->sem) && !sem_wait(named) && !sem_post(named));

		T_CHECK(!pthread_rwlock_wrlock(&s->rwlock));
		s->latest = t_now_ns(CLOCK_REALTIME);
		T_CHECK(!pthread_rwlock_unlock(&s->rwlock) && !pthread_rwlock_rdlock(&s->rwlock));
		T_CHECK(s->latest > 0 && !pthread_rwlock_unlock(&s->rwlock));
	}
	if (!pthread_mutex_lock(&s->robust)) /* and ends with it */
		s->left++;
	_exit(0);
}

int main(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char name[64];
	pid_t pid[WORKERS];
	int died = 0;

	T_CHECK(s != MAP_FAILED);
	init(s);
	snprintf(name, sizeof(name), "/victim-%d-%lx", getpid(), t_seed());
	sem_t *named = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
	T_CHECK(named != SEM_FAILED && sem_unlink(name) == 0);

	for (int i = 0; i < WORKERS; i++) {
		pid[i] = t_fork();
		if (!pid[i])
			work(s, named, i + 1);
	}
	for (int i = 0; i < WORKERS * ROUNDS; i++) {
		T_CHECK(!pthread_mutex_lock(&s->mutex));
		while (s->slot > 2)
			pthread_cond_wait(&s->emptied, &s->mutex);
		s->slot++;
		T_CHECK(!pthread_cond_signal(&s->filled) && !pthread_mutex_unlock(&s->mutex));
	}
	for (int i = 0; i < WORKERS; i++)
		t_wait_exit(pid[i], 0);
	T_CHECK(s->count == WORKERS * ROUNDS);
	if (pthread_mutex_lock(&s->robust) == EOWNERDEAD) {
		died++;
		T_CHECK(!pthread_mutex_consistent(&s->robust));
	}
	printf("order ");
	for (int i = 0; i < s->count; i++)
		printf("%d", s->order[i]);
	printf("\nmixed %016lx, latest %ld, left %d, died %d\n", s->mixed, (long)s->latest,
	       s->left, died);
	T_CHECK(died == 1 && s->left == 1);
	return 0;
}
