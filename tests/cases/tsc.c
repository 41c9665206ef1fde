/*
 * The time stamp counter, read by the program's own instructions: in threads, with all signals
 * blocked, in a signal handler, in a child and after exec; and a fault that is one still ends
 * the process. Recorded with --trap-tsc.
 */
/* RECORD: --trap-tsc */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <x86intrin.h>

static void *reader(void *arg)
{
	unsigned long *mixed = arg, last = 0;

	for (int i = 0; i < 200; i++) {
		unsigned long now = __rdtsc();

		T_CHECK(now > last);
		last = now;
		*mixed = *mixed * 31 + now;
	}
	return NULL;
}

static volatile unsigned long in_handler;

static void on_signal(int signo)
{
	in_handler = __rdtsc();
}

static void child(void)
{
	volatile int *nowhere = T_OPAQUE((int *)NULL);

	printf("child %lu\n", (unsigned long)__rdtsc());
	fflush(stdout);
	*nowhere = 1;
}

int main(int argc, char **argv)
{
	unsigned long mixed[2] = {0};
	pthread_t t[2];
	sigset_t all;
	unsigned core;
	int status;
	pid_t pid;

	printf("%lu\n", (unsigned long)__rdtsc());
	if (argc > 1)
		return 0;
	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_create(&t[i], NULL, reader, &mixed[i]) == 0);
	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_join(t[i], NULL) == 0);
	printf("%016lx %016lx\n", mixed[0], mixed[1]);
	T_CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	T_CHECK(raise(SIGUSR1) == 0 && in_handler);
	sigfillset(&all);
	T_CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	printf("%lu %lu", in_handler, (unsigned long)__rdtscp(&core));
	T_CHECK(sigprocmask(SIG_SETMASK, NULL, &all) == 0);
	T_CHECK(sigismember(&all, SIGSEGV) == 1);
	sigemptyset(&all);
	T_CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	printf(" %u %ld\n", core, (long)t_now_ns(CLOCK_MONOTONIC));
	pid = t_fork();
	if (pid == 0) {
		child();
		_exit(1);
	}
	T_CHECK(waitpid(pid, &status, 0) == pid);
	T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	fflush(stdout);
	execl("/proc/self/exe", argv[0], "again", (char *)NULL);
	return 1;
}
