/*
 * The only thread of a process ends by exit while processes made by clone(CLONE_VM) go on in its memory,
 * or it ends by exit_group meanwhile: what those do until their end is recorded with it.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sched.h>

static char stacks[2][65536] __attribute__((aligned(64)));
static int held[2];

static int apart(void *arg)
{
	for (int i = 0; i < 30; i++) {
		usleep(5000);
		t_say(arg, i);
	}
	syscall((intptr_t)strlen(arg) & 1 ? SYS_exit : SYS_exit_group, 9);
	return 0;
}

static void *thread(void *arg)
{
	usleep(20000);
	t_say("the thread", 0);
	syscall(SYS_exit, 5);
	return arg;
}

/* how: bit 0: with a thread that lives longer; bit 1: exit_group */
static void maker(int how)
{
	pthread_t th;

	T_CHECK(clone(apart, stacks[0] + sizeof(stacks[0]), CLONE_VM | SIGCHLD, "apart") > 0);
	T_CHECK(clone(apart, stacks[1] + sizeof(stacks[1]), CLONE_VM | CLONE_FILES | SIGCHLD, "beside") > 0);
	if (how & 1)
		T_CHECK(pthread_create(&th, NULL, thread, NULL) == 0);
	usleep(10000);
	t_say("the first ends", how);
	syscall(how & 2 ? SYS_exit_group : SYS_exit, 5);
}

int main(int argc, char **argv)
{
	pid_t pid, other;
	char c;

	if (argc > 1) {
		maker(atoi(argv[1]));
		return 1;
	}
	for (int how = 0; how < 4; how++) {
		T_CHECK(pipe(held) == 0);
		pid = t_fork();
		if (pid == 0)
			maker(how);
		close(held[1]);
		t_wait_exit(pid, 5);
		t_say("the first has ended", pid);
		usleep(100000);
		other = t_fork();
		if (other == 0) {
			for (int i = 0; i < 20; i++)
				t_say("another", i);
			_exit(8);
		}
		t_wait_exit(other, 8);
		T_CHECK(read(held[0], &c, 1) == 0); /* all are gone */
		close(held[0]);
	}
	printf("done\n");
	return 0;
}
