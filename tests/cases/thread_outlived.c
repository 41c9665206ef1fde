/*
 * A process ends in other ways than exit while others share its memory and go on: it executes another
 * program (after one that is not there), takes a fault, aborts, is ended by a signal, ends by exit_group in one
 * thread while another waits for its vfork child. These go on in its stream to their ends, with the turn that it
 * had; the next image has a stream of its own.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sched.h>

enum how { EXECUTES, FAULTS, ABORTS, TERMINATED, GROUP_ENDS, COUNT };

static char stack[65536] __attribute__((aligned(64)));
static int *volatile nowhere;

static int apart(void *arg)
{
	for (int i = 0; i < 30; i++) {
		usleep(3000);
		t_say("apart", i);
	}
	syscall(SYS_exit_group, 3);
	return arg != NULL;
}

static void *vforks(void *arg)
{
	if (vfork() == 0) {
		for (int i = 0; i < 20; i++) {
			usleep(3000);
			t_say("vforked", i);
		}
		execl("/bin/sh", "sh", "-c", "echo executed by $$", NULL);
		_exit(1);
	}
	return arg;
}

static void maker(enum how how)
{
	pthread_t th;

	if (how == GROUP_ENDS)
		T_CHECK(pthread_create(&th, NULL, vforks, NULL) == 0);
	else
		T_CHECK(clone(apart, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL) > 0);
	usleep(20000);
	switch (how) {
	case EXECUTES:
		T_FAILS(ENOENT, execl("/nonexistent", "nonexistent", NULL));
		usleep(5000);
		execl("/bin/sh", "sh", "-c", "for i in 1 2 3 4 5; do echo another program, $i; done; exit 4", NULL);
		_exit(1);
	case FAULTS:
		*nowhere = 1;
		_exit(1);
	case ABORTS:
		abort();
	case TERMINATED:
		kill(getpid(), SIGTERM);
		_exit(1);
	default:
		_exit(6);
	}
}

int main(void)
{
	static const int expected[COUNT] = {4 << 8, SIGSEGV, SIGABRT, SIGTERM, 6 << 8};

	for (int how = 0; how < COUNT; how++) {
		pid_t pid, others[2];
		int held[2], status;
		char c;

		T_CHECK(pipe(held) == 0);
		pid = t_fork();
		if (pid == 0)
			maker(how);
		T_CHECK(waitpid(pid, &status, 0) == pid && (status & 0xff7f) == expected[how]);
		t_say("it has ended", how);
		close(held[1]);
		usleep(20000);
		for (int k = 0; k < 2; k++) {
			others[k] = t_fork();
			if (others[k] == 0) {
				for (int i = 0; i < 10; i++)
					t_say("another", i);
				_exit(8);
			}
		}
		for (int k = 0; k < 2; k++)
			t_wait_exit(others[k], 8);
		T_CHECK(read(held[0], &c, 1) == 0); /* all are gone */
		close(held[0]);
	}
	t_say("done", 0);
	return 0;
}
