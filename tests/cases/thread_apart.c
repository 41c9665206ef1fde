/*
 * Processes made by clone(CLONE_VM) without CLONE_THREAD, which run beside their maker in its
 * memory: one is killed from outside, one executes another program, one forks and fails to
 * execute, one aborts. Their handlers are their own unless CLONE_SIGHAND says otherwise.
 */
/* SOAK */
#include "victim.h"
#include <sched.h>

enum { KILLED, EXECUTES, FORKS, ABORTS, COUNT };

static char stacks[COUNT][65536] __attribute__((aligned(64)));
static volatile int shared;
static int go[2];

static void on_usr1(int sig)
{
	(void)sig;
	__atomic_fetch_add(&shared, 1000, __ATOMIC_SEQ_CST);
}

static int child(void *arg)
{
	int status;
	pid_t pid;
	char c;

	T_CHECK(signal(SIGUSR1, on_usr1) != SIG_ERR);
	switch ((intptr_t)arg) {
	case KILLED:
		for (;;)
			pause();
	case EXECUTES:
		T_CHECK(read(go[0], &c, 1) == 1);
		execl("/bin/echo", "echo", "another program", NULL);
		return 1;
	case FORKS:
		pid = fork();
		if (pid == 0) {
			shared = 5; /* its own memory */
			_exit(9);
		}
		T_CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
		T_FAILS(ENOENT, execl("/nonexistent", "nonexistent", NULL));
		T_CHECK(raise(SIGUSR1) == 0);
		syscall(SYS_exit_group, 4);
		return 1;
	default:
		for (int i = 0; i < 200; i++) {
			__atomic_fetch_add(&shared, 1, __ATOMIC_SEQ_CST); /* processes at once, natively */
			if (i % 20 == 0)
				sched_yield();
		}
		abort();
	}
}

int main(void)
{
	static const int expected[COUNT] = {SIGKILL, 0, 4 << 8, SIGABRT};
	int status[COUNT], before, files[2] = {0, CLONE_FILES};
	struct sigaction old;
	pid_t pid[COUNT];

	setvbuf(stdout, NULL, _IONBF, 0);
	T_CHECK(pipe(go) == 0);
	for (int round = 0; round < 2; round++) {
		before = shared;
		for (intptr_t i = 0; i < COUNT; i++) {
			pid[i] = clone(child, stacks[i] + sizeof(stacks[i]),
				       CLONE_VM | SIGCHLD | files[round], (void *)i);
			T_CHECK(pid[i] > 0);
		}
		usleep(3000);
		T_CHECK(kill(pid[KILLED], SIGKILL) == 0);
		for (int i = 0; i < COUNT; i++) {
			if (i == EXECUTES)
				t_write_all(go[1], "x", 1);
			T_CHECK(waitpid(pid[i], &status[i], 0) == pid[i]);
			T_CHECK((status[i] & 0xff7f) == expected[i]);
			printf("%d ended, shared %d\n", pid[i], shared - before);
		}
		T_CHECK(shared - before == 1200);
		T_CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
	}
	return 0;
}
