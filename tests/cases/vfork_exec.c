/*
 * vfork: a child that borrows its parent's memory until exec or _exit. Shows that what it
 * writes there (the error of a failed exec) reaches the parent in both modes.
 */
#include "victim.h"
#include <sched.h>
#include <sys/mman.h>

static int child_main(void *arg)
{
	*(volatile int *)arg = getpid();
	execl("/nonexistent/program", "program", (char *)NULL);
	*(volatile int *)arg += errno * 10000000;
	_exit(8);
}

int main(void)
{
	volatile int shared = 0, err = 0;
	char line[128];
	int p[2];

	pid_t pid = vfork();
	if (pid == 0) {
		shared = 42;
		_exit(7);
	}
	T_CHECK(pid > 0 && shared == 42);
	t_wait_exit(pid, 7);
	printf("vfork %d\n", pid);

	fflush(NULL);
	pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
		_exit(1);
	}
	t_wait_exit(pid, 9);

	pid = vfork();
	if (pid == 0) {
		execl("/nonexistent/program", "program", (char *)NULL);
		err = errno;
		_exit(127);
	}
	t_wait_exit(pid, 127);
	T_CHECK(err == ENOENT);

	/* The child redirects; its descriptors are its own though the memory is not. */
	T_CHECK(pipe(p) == 0);
	pid = vfork();
	if (pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execl("/bin/sh", "sh", "-c", "echo from $$", (char *)NULL);
		_exit(1);
	}
	close(p[1]);
	size_t n = t_read_all(p[0], line, sizeof(line) - 1);
	line[n] = 0;
	T_CHECK(n > 5 && atoi(line + 5) == pid);
	t_wait_exit(pid, 0);
	printf("%s", line);

	/* clone(CLONE_VM | CLONE_VFORK) on a stack of its own, as posix_spawn does it. */
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	T_CHECK(stack != MAP_FAILED);
	shared = 0;
	fflush(NULL);
	pid = clone(child_main, stack + 65536, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&shared);
	T_CHECK(pid > 0 && shared == pid + ENOENT * 10000000);
	t_wait_exit(pid, 8);
	printf("clone %d\n", pid);
	for (volatile int i = 0; i < 20; i++) {
		pid = vfork();
		if (pid == 0)
			_exit(i);
		t_wait_exit(pid, i);
	}
	T_CHECK(system("exit 4") == 4 << 8 && system(NULL) != 0);
	return 0;
}
