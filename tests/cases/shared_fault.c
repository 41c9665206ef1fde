/*
 * Processes that share memory, and robust locks in it, die of faults of their own while they hold them:
 * whoever takes such a lock next is told so, and finds what the dead one had written.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { ROUNDS = 12, CHILDREN = 3 };

static struct shared {
	pthread_mutex_t lock;
	unsigned long turns, deaths, mixed;
	volatile int go;
} *s;

static void take(unsigned long who)
{
	int r = pthread_mutex_lock(&s->lock);

	T_CHECK(r == 0 || r == EOWNERDEAD);
	if (r == EOWNERDEAD) {
		s->deaths++;
		T_CHECK(pthread_mutex_consistent(&s->lock) == 0);
	}
	s->turns++;
	s->mixed = s->mixed * 31 + who;
}

static void die(int how)
{
	volatile int *nowhere = T_OPAQUE((int *)NULL);
	volatile int zero = 0;

	switch (how) {
	case 0:
		*nowhere = 1;
		break;
	case 1:
		zero = 1000 / zero;
		break;
	case 2:
		__asm__ volatile("ud2");
		break;
	case 3:
		abort();
	}
	_exit(99);
}

static void child(int n)
{
	while (!s->go)
		;
	for (int i = 0; i < 20 + n * 7; i++) {
		take((unsigned long)n);
		s->mixed ^= (unsigned long)t_now_ns(CLOCK_MONOTONIC);
		pthread_mutex_unlock(&s->lock);
	}
	take((unsigned long)n);
	s->mixed = s->mixed * 37 + (unsigned long)getpid();
	die((n + (int)s->deaths) % 4);
}

int main(void)
{
	static const int fatal[] = {SIGSEGV, SIGFPE, SIGILL, SIGABRT};
	struct rlimit none = {0, 0};
	pthread_mutexattr_t attr;

	setrlimit(RLIMIT_CORE, &none);
	s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T_CHECK(s != MAP_FAILED && pthread_mutexattr_init(&attr) == 0);
	T_CHECK(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0);
	T_CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	T_CHECK(pthread_mutex_init(&s->lock, &attr) == 0);
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid[CHILDREN];
		int how = 0;

		s->go = 0;
		for (int n = 0; n < CHILDREN; n++) {
			pid[n] = t_fork();
			if (pid[n] == 0)
				child(n);
		}
		s->go = 1;
		for (int i = 0; i < 30; i++) {
			take(100);
			pthread_mutex_unlock(&s->lock);
		}
		for (int n = 0; n < CHILDREN; n++) {
			int status, known = 0;

			T_CHECK(waitpid(pid[n], &status, 0) == pid[n] && WIFSIGNALED(status));
			for (int k = 0; k < 4; k++)
				known |= WTERMSIG(status) == fatal[k];
			T_CHECK(known);
			how = how * 64 + WTERMSIG(status);
		}
		printf("%d: died of %o, %lu turns, %lu deaths, %016lx\n", round, how, s->turns,
		       s->deaths, s->mixed);
	}
	take(100);
	T_CHECK(s->deaths == ROUNDS * CHILDREN);
	pthread_mutex_unlock(&s->lock);
	return 0;
}
