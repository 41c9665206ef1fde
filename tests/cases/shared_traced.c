/*
 * Processes that share memory, one of them stopped by the other: it traces itself and stops, at its
 * signals and at its calls, and the tracer works in the memory meanwhile; or it computes and is stopped from
 * outside. Whoever is stopped must not hold up the one that would let it go on.
 */
/* SOAK */
#include "victim.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

static struct shared {
	volatile int64_t worked, tracer_worked, computed;
	volatile int stop;
} *mem;

static void work(volatile int64_t *on)
{
	for (int i = 0; i < 5; i++)
		*on = *on * 31 + t_now_ns(CLOCK_MONOTONIC) % 1000;
}

static void traced(void)
{
	T_CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
	T_CHECK(kill(getpid(), SIGSTOP) == 0);
	for (int i = 0; i < 8; i++) {
		work(&mem->worked);
		getppid();
		if (i % 4 == 0)
			raise(SIGUSR1);
	}
	_exit(7);
}

/* How often it stopped is the tracer's matter: a recorder has calls of its own. */
static void trace(pid_t pid, int request)
{
	int status, signals = 0;

	for (;;) {
		int signo;

		T_CHECK(waitpid(pid, &status, 0) == pid);
		if (!WIFSTOPPED(status))
			break;
		work(&mem->tracer_worked);
		signo = WSTOPSIG(status);
		if (signo == SIGUSR1)
			signals++;
		T_CHECK(ptrace(request, pid, NULL,
			       (void *)(intptr_t)(signo == SIGTRAP || signo == SIGSTOP || signo == SIGUSR1 ? 0 : signo)) == 0);
	}
	T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7 && signals == 2);
	printf("%lld %lld\n", (long long)mem->worked, (long long)mem->tracer_worked);
}

static void stopped_while_computing(void)
{
	int status;
	pid_t pid = t_fork();

	if (pid == 0) {
		while (!mem->stop)
			mem->computed++;
		_exit(3);
	}
	while (!mem->computed)
		sched_yield();
	T_CHECK(kill(pid, SIGSTOP) == 0);
	T_CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	for (int i = 0; i < 4; i++) {
		work(&mem->tracer_worked);
		usleep(1000);
	}
	mem->stop = 1;
	T_CHECK(kill(pid, SIGCONT) == 0);
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 3);
	printf("%lld\n", (long long)mem->tracer_worked);
}

int main(void)
{
	static const int requests[] = {PTRACE_CONT, PTRACE_SYSCALL};

	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T_CHECK(mem != MAP_FAILED);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		pid_t pid = t_fork();

		if (pid == 0)
			traced();
		trace(pid, requests[i]);
	}
	stopped_while_computing();
	return 0;
}
