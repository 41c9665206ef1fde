/*
 * clone with CLONE_PIDFD, as Qt's QProcess starts programs: the kernel stores the new process's
 * descriptor where the parent says. A fork, a child that shares memory until it executes, and one that
 * goes on sharing it.
 */
#include "victim.h"
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char stack[64 * 1024];

static int execute(void *arg)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", arg, NULL};

	execv("/bin/sh", argv);
	return 9;
}

static int leave(void *arg)
{
	return (int)(intptr_t)arg;
}

static void await(const char *what, int fd)
{
	struct pollfd end = {.fd = fd, .events = POLLIN};
	siginfo_t info = {0};

	T_CHECK(poll(&end, 1, 10000) == 1);
	T_CHECK(waitid(P_PIDFD, (id_t)fd, &info, WEXITED) == 0);
	printf("%s: descriptor %d, process %d, status %d\n", what, fd, (int)info.si_pid,
	       info.si_status);
}

int main(void)
{
	int fd = -1;
	long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);

	if (pid == 0)
		_exit(getpid() % 100);
	T_CHECK(pid > 0);
	await("fork", fd);
	T_CHECK(clone(execute, stack + sizeof(stack), CLONE_PIDFD | CLONE_VM | CLONE_VFORK | SIGCHLD,
		      (void *)"exit $(($$ % 100))", &fd) > 0);
	await("vfork", fd);
	T_CHECK(clone(leave, stack + sizeof(stack), CLONE_PIDFD | CLONE_VM | SIGCHLD,
		      (void *)(intptr_t)(getpid() % 100), &fd) > 0);
	await("sharing", fd);
	return 0;
}
