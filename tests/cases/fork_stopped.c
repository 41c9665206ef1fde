/*
 * A parent that computes right behind fork until a signal ends it, without a call between; the child
 * computes in the same code, with a signal of its own. SIGTRAP is blocked in every other round.
 */
/* SOAK */
#include "victim.h"
#include <sys/time.h>

enum { ROUNDS = 6 };

static volatile sig_atomic_t stop;

static void on_alarm(int signo)
{
	stop = 1;
}

static void set_alarm(long us)
{
	struct itimerval soon = {.it_value = {0, us}};

	stop = 0;
	T_CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
}

__attribute__((noinline)) static uint64_t compute(uint64_t n)
{
	while (!stop)
		n = n * 6364136223846793005u + 1442695040888963407u;
	return n;
}

static void check_mask(bool blocked)
{
	sigset_t now;

	T_CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0);
	T_CHECK(sigismember(&now, SIGTRAP) == blocked);
}

int main(void)
{
	sigset_t trap;

	sigemptyset(&trap);
	sigaddset(&trap, SIGTRAP);
	T_CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t n;
		int status;
		pid_t pid;

		T_CHECK(sigprocmask(i & 1 ? SIG_BLOCK : SIG_UNBLOCK, &trap, NULL) == 0);
		set_alarm(20000);
		pid = fork();
		n = pid ? compute(1) : 0;
		if (pid == 0) {
			check_mask(i & 1);
			set_alarm(20000);
			printf("child %016llx\n", (unsigned long long)compute(1));
			check_mask(i & 1);
			exit(0);
		}
		T_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
		check_mask(i & 1);
		printf("parent %016llx\n", (unsigned long long)n);
		fflush(stdout);
	}
	return 0;
}
