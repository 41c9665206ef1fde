/*
 * Members of a domain that die in the middle: killed by another member while they spin and
 * while they wait, with a robust mutex in hand; a crash; an exec. The others go on.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/mman.h>

struct shared {
	_Atomic long rounds;
	_Atomic int holds;
	pthread_mutex_t robust;
	volatile int never;
};

static void kill_while_it_spins(struct shared *s)
{
	pid_t pid = t_fork();
	int status;

	if (pid == 0) {
		s->rounds = getpid();
		while (!s->never)
			;
	}
	while (!s->rounds)
		usleep(100);
	T_CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	T_CHECK(s->rounds == pid);
	printf("%ld was killed\n", s->rounds);
}

static void kill_while_it_waits(struct shared *s)
{
	pid_t pid = t_fork();
	int status, r;

	if (pid == 0) {
		T_CHECK(pthread_mutex_lock(&s->robust) == 0);
		s->holds = 1;
		pause();
		_exit(1);
	}
	while (!s->holds)
		usleep(100);
	T_CHECK(kill(pid, SIGKILL) == 0);
	r = pthread_mutex_lock(&s->robust);
	T_CHECK(r == EOWNERDEAD && pthread_mutex_consistent(&s->robust) == 0);
	T_CHECK(pthread_mutex_unlock(&s->robust) == 0);
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	printf("its mutex was mine at %ld\n", (long)t_now_ns(CLOCK_REALTIME));
}

static void crash(struct shared *s)
{
	pid_t pid = t_fork();
	int status;

	if (pid == 0) {
		s->rounds = getpid();
		*(volatile int *)T_OPAQUE((int *)8) = 1;
	}
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	T_CHECK(WTERMSIG(status) == SIGSEGV && s->rounds == pid);
	printf("%ld crashed\n", s->rounds);
}

static void leave(struct shared *s)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		s->rounds = getpid();
		execlp("true", "true", NULL);
		_exit(9);
	}
	t_wait_exit(pid, 0);
	pid = t_fork();
	if (pid == 0) {
		execl("/nonexistent", "nonexistent", NULL);
		s->rounds = -getpid(); /* it is a member still */
		_exit(0);
	}
	t_wait_exit(pid, 0);
	T_CHECK(s->rounds == -pid);
	printf("%ld did not leave\n", s->rounds);
}

int main(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t ma;

	T_CHECK(s != MAP_FAILED && !pthread_mutexattr_init(&ma) &&
		!pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED) &&
		!pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST) &&
		!pthread_mutex_init(&s->robust, &ma));
	kill_while_it_spins(s);
	kill_while_it_waits(s);
	crash(s);
	leave(s);
	return 0;
}
