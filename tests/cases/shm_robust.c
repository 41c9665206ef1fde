/*
 * A robust mutex in memory that processes share: its owner exits, is killed by itself, aborts,
 * is killed by its parent. Who waits for it is told each time.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/mman.h>

enum { EXITS, KILLED, ABORTS, KILLED_BY_PARENT, WAYS };

int main(void)
{
	pthread_mutex_t *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;
	int p[2], status;
	char byte;

	T_CHECK(m != MAP_FAILED && pipe(p) == 0);
	T_CHECK(pthread_mutexattr_init(&attr) == 0);
	T_CHECK(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0);
	T_CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	T_CHECK(pthread_mutex_init(m, &attr) == 0);
	for (int way = 0; way < WAYS; way++) {
		pid_t pid = t_fork();

		if (pid == 0) {
			T_CHECK(pthread_mutex_lock(m) == 0);
			t_write_all(p[1], "x", 1);
			usleep(2000);
			if (way == EXITS)
				_exit(0);
			if (way == KILLED)
				raise(SIGKILL);
			if (way == ABORTS)
				abort();
			for (;;)
				pause();
		}
		T_CHECK(read(p[0], &byte, 1) == 1);
		if (way == KILLED_BY_PARENT)
			T_CHECK(kill(pid, SIGKILL) == 0);
		T_CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
		T_CHECK(pthread_mutex_consistent(m) == 0 && pthread_mutex_unlock(m) == 0);
		T_CHECK(waitpid(pid, &status, 0) == pid);
		printf("%d ended with %x by %lld\n", pid, status,
		       (long long)t_now_ns(CLOCK_MONOTONIC));
	}
	return 0;
}
