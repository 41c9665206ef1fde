/*
 * A process in its maker's memory that traces the maker, stops it, reads what it works on and lets
 * it go, as LeakSanitizer does at exit. The maker spins with sched_yield meanwhile. It may be
 * stopped just when it was its turn: nobody would run any more.
 */
/* SOAK */
#include "victim.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

enum { ROUNDS = 30 };

static char stack[65536] __attribute__((aligned(64)));
static volatile int done, seen;
static volatile long worked_on;
static volatile pid_t maker;

static int tracer(void *arg)
{
	struct timespec now;
	int status;

	T_CHECK(ptrace(PTRACE_ATTACH, maker, NULL, NULL) == 0);
	T_CHECK(waitpid(maker, &status, __WALL) == maker && WIFSTOPPED(status));
	for (int i = 0; i < 10; i++) {
		T_CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
		sched_yield();
		seen = (int)(worked_on + now.tv_nsec / 1000 % 1000);
	}
	T_CHECK(ptrace(PTRACE_DETACH, maker, NULL, NULL) == 0);
	done = 1;
	return (int)(intptr_t)arg;
}

int main(void)
{
	int status;

	maker = getpid();
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid;

		done = 0;
		pid = clone(tracer, stack + sizeof(stack), CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED,
			    (void *)(intptr_t)i);
		T_CHECK(pid > 0);
		prctl(PR_SET_PTRACER, pid, 0, 0, 0); /* where Yama asks for it */
		while (!done) {
			worked_on++;
			sched_yield();
		}
		T_CHECK(waitpid(pid, &status, __WALL) == pid && WIFEXITED(status) && WEXITSTATUS(status) == i);
		printf("%d ", seen);
	}
	printf("\n");
	return 0;
}
