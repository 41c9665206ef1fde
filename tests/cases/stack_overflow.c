/*
 * Endless recursion caught on an alternate stack, twice, and once in a child that dies of
 * it. Shows that a fault with no stack left is handled, and that guard pages are the same.
 */
#include "victim.h"
#include <setjmp.h>
#include <sys/resource.h>

static sigjmp_buf back;
static char *fault;
static volatile int depth;

static void on_segv(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	fault = si->si_addr;
	siglongjmp(back, getppid() > 0 ? 1 : 2);
}

#if defined(__clang__) || __GNUC__ >= 12
#pragma GCC diagnostic ignored "-Winfinite-recursion"
#endif
__attribute__((noinline)) static int recurse(int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	depth = n;
	if ((n & 127) == 0)
		getppid();
	return recurse(n + 1) + frame[0];
}

int main(void)
{
	/* Big enough for a signal frame of any CPU, small enough to matter. */
	size_t len = 32768;
	stack_t ss = {.ss_sp = malloc(len), .ss_size = len}, old;
	struct sigaction sa = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	struct rlimit rl;
	char here;

	T_CHECK(getrlimit(RLIMIT_STACK, &rl) == 0);
	if (rl.rlim_cur == RLIM_INFINITY || rl.rlim_cur > 8 << 20) {
		rl.rlim_cur = 8 << 20;
		T_CHECK(setrlimit(RLIMIT_STACK, &rl) == 0);
	}
	T_CHECK(ss.ss_sp && sigaltstack(&ss, &old) == 0 && (old.ss_flags & SS_DISABLE));
	T_CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	for (int i = 0; i < 2; i++) {
		if (sigsetjmp(back, 1) == 0)
			recurse(1);
		T_CHECK(depth > 100 && fault < &here && &here - fault < (16 << 20));
		T_CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == 0);
		printf("depth %d, fault %p, %ld below main\n", depth, (void *)fault,
		       (long)(&here - fault));
	}
	pid_t pid = t_fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		recurse(1);
	}
	int status;
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	T_CHECK(WTERMSIG(status) == SIGSEGV);
	printf("child %d died\n", pid);
	return 0;
}
