/*
 * A child by vfork, and one by clone(CLONE_VM), become another user and execute. That user has to be let into the
 * session first, which the child asks for. (It asked through the slot of the image to come, where nobody looked
 * before that had begun: it waited for ever, and its maker for it. Go's os/exec with a Credential does this.)
 */
#include "victim.h"
#include <sched.h>

enum { NOBODY = 65534 };

static char stack[65536] __attribute__((aligned(64)));

static int become(void *arg)
{
	char *const *argv = arg;

	if (syscall(SYS_setgid, NOBODY) || syscall(SYS_setuid, NOBODY))
		_exit(98);
	execv(argv[0], argv);
	_exit(99);
}

static void ended(pid_t pid, int want)
{
	int status;

	T_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == want);
}

int main(void)
{
	static char *sh[] = {"/bin/sh", "-c", "echo $$ is $(id -u); exit 7", NULL};
	static char *none[] = {"/nonexistent", NULL};
	pid_t pid;

	if (getuid()) {
		printf("skip: needs to be root\n");
		return 77;
	}
	for (int i = 0; i < 3; i++) {
		pid = vfork();
		if (pid == 0)
			become(sh);
		ended(pid, 7);
		ended(clone(become, stack + sizeof(stack), CLONE_VM | SIGCHLD, sh), 7);
		ended(clone(become, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, none), 99);
	}
	printf("%d made them at %lld\n", getpid(), (long long)t_now_ns(CLOCK_MONOTONIC));
	return 0;
}
