/*
 * A thread made by clone itself, without libpthread: shared memory, own stack, ended by the
 * exit system call, its id cleared and its joiner woken by the kernel.
 */
/* SOAK */
/* STATUS: 3 */
#include "victim.h"
#include <linux/futex.h>
#include <sched.h>

enum { COUNT = 4, STACK_LEN = 65536 };

static char stacks[COUNT][STACK_LEN] __attribute__((aligned(64)));
static volatile int tids[COUNT], ptids[COUNT], counters[COUNT], racy;

static long raw(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

static int child(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 50; i++) {
		struct timespec ts = {0, 20000};
		int seen = racy;

		counters[me]++;
		raw(SYS_nanosleep, (long)&ts, 0, 0, 0);
		racy = seen + 1;
	}
	raw(SYS_exit, 0, 0, 0, 0);
	return 0;
}

int main(void)
{
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		    CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
		    CLONE_CHILD_CLEARTID;

	for (intptr_t i = 0; i < COUNT; i++)
		T_CHECK((ptids[i] = clone(child, stacks[i] + STACK_LEN, flags, (void *)i, &tids[i], NULL,
			      &tids[i])) > 0);
	for (int i = 0; i < COUNT; i++) {
		int tid;

		T_CHECK(ptids[i] > 0);
		while ((tid = tids[i]))
			syscall(SYS_futex, &tids[i], FUTEX_WAIT, tid, NULL);
		T_CHECK(counters[i] == 50);
	}
	printf("racy %d\n", racy);
	printf("%d\n", ptids[0]);
	fflush(stdout);
	_exit(3);
}
