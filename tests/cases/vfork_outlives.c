/*
 * What shares its maker's memory outlives it: children of vfork and posix_spawn that wait in a slow
 * open, and a process made by clone(CLONE_VM), while the maker is killed from outside. They go on in
 * its stream, to an exec, an end or a handler of their own, and processes that begin meanwhile have
 * theirs. (The maker's place in the session was given to the next process, and their events with it.)
 */
#include "victim.h"
#include <sched.h>
#include <spawn.h>

extern char **environ;

enum how { VFORKS, ENDS, SPAWNS, APART, COUNT };

static int said[2], held[2];
static char stack[65536] __attribute__((aligned(64)));

/* Opens the fifo, which somebody must open to write, and says so with what only this run knows. */
static void go_on(const char *who)
{
	char text[100];
	int fd;

	t_write_all(said[1], "x", 1);
	fd = open("fifo", O_RDONLY);
	T_CHECK(fd >= 0);
	for (int i = 0; i < 20; i++)
		t_write_all(1, text, (size_t)snprintf(text, sizeof(text), "%s %d goes on: %lld\n", who, getpid(),
						      (long long)t_now_ns(CLOCK_MONOTONIC)));
}

static int apart(void *arg)
{
	go_on(arg);
	syscall(SYS_exit, 3);
	return 0;
}

static void make(enum how how)
{
	char *argv[] = {"sh", "-c", "echo executed by $$", NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	switch (how) {
	case SPAWNS:
		T_CHECK(posix_spawn_file_actions_init(&actions) == 0);
		T_CHECK(posix_spawn_file_actions_addopen(&actions, 0, "fifo", O_RDONLY, 0) == 0);
		t_write_all(said[1], "x", 1);
		posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ);
		break;
	case APART:
		T_CHECK(clone(apart, stack + sizeof(stack), CLONE_VM | SIGCHLD, "apart") > 0);
		for (;;)
			pause();
	default:
		if (vfork() == 0) {
			go_on("vforked");
			if (how == VFORKS)
				execv("/bin/sh", argv);
			_exit(7);
		}
	}
	printf("not killed\n");
	_exit(1);
}

/* Takes any place in the session that became free. */
static pid_t other(int number)
{
	pid_t pid = t_fork();

	if (pid)
		return pid;
	close(held[1]);
	for (int i = 0; i < 100; i++) {
		char c;

		usleep(1000);
		T_CHECK(read(held[0], &c, 1) == 0); /* after the last that holds it */
		dprintf(1, "other %d: %lld\n", number, (long long)t_now_ns(CLOCK_MONOTONIC));
		if (i > 3)
			break;
	}
	_exit(40 + number);
}

int main(void)
{
	int status, fd;
	pid_t maker, others[3];
	char c;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int how = 0; how < COUNT; how++) {
		T_CHECK(mkfifo("fifo", 0600) == 0 && pipe(said) == 0 && pipe(held) == 0);
		maker = t_fork();
		if (maker == 0)
			make(how);
		T_CHECK(read(said[0], &c, 1) == 1);
		usleep(50000); /* it waits in its open */
		T_CHECK(kill(maker, SIGKILL) == 0 && waitpid(maker, &status, 0) == maker);
		printf("%d was killed: %d\n", maker, WTERMSIG(status));
		usleep(200000); /* its end has been seen */
		for (int i = 0; i < 3; i++)
			others[i] = other(i);
		fd = open("fifo", O_WRONLY);
		T_CHECK(fd >= 0);
		close(held[1]);
		T_CHECK(read(held[0], &c, 1) == 0); /* the last that shared the memory is gone */
		for (int i = 0; i < 3; i++)
			t_wait_exit(others[i], 40 + i);
		close(fd);
		close(said[0]), close(said[1]), close(held[0]);
		T_CHECK(unlink("fifo") == 0);
	}
	printf("done\n");
	return 0;
}
