/*
 * posix_spawn: success, the error of a failing exec, file actions, attributes, PATH
 * search. Shows that the child which shares its parent's memory is replayed.
 */
#include "victim.h"
#include <spawn.h>

extern char **environ;

static pid_t spawn(int out, char *const argv[], const posix_spawnattr_t *attr,
		   char *const env[], int expected)
{
	posix_spawn_file_actions_t fa;
	pid_t pid = -1;

	T_CHECK(posix_spawn_file_actions_init(&fa) == 0);
	T_CHECK(posix_spawn_file_actions_adddup2(&fa, out, 1) == 0);
	T_CHECK(posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0) == 0);
	T_CHECK(posix_spawn_file_actions_addopen(&fa, 9, "made", O_CREAT | O_RDWR, 0600) == 0);
	T_CHECK(posix_spawn_file_actions_addclose(&fa, 9) == 0);
	int rc = posix_spawnp(&pid, argv[0], &fa, attr, argv, env);
	T_CHECK(rc == expected);
	T_CHECK(posix_spawn_file_actions_destroy(&fa) == 0);
	return pid;
}

int main(void)
{
	char line[512];
	int p[2];
	sigset_t set;
	posix_spawnattr_t attr;

	T_CHECK(pipe2(p, O_CLOEXEC) == 0);
	char *sh[] = {"sh", "-c", "echo $$ $VALUE; ls -l /proc/self/fd | wc -l", NULL};
	char *env[] = {"VALUE=given", "PATH=/bin:/usr/bin", NULL};
	pid_t pid = spawn(p[1], sh, NULL, env, 0);
	t_wait_exit(pid, 0);
	ssize_t n = read(p[0], line, sizeof(line) - 1);
	T_CHECK(n > 0);
	line[n] = 0;
	T_CHECK(atoi(line) == pid && strstr(line, "given"));
	printf("%s", line);

	char *none[] = {"no-such-program-anywhere", NULL};
	spawn(p[1], none, NULL, environ, ENOENT);
	t_make_file("not-executable", "data");
	char *not[] = {"./not-executable", NULL};
	spawn(p[1], not, NULL, environ, EACCES);
	T_FAILS(ECHILD, waitpid(-1, NULL, 0));

	posix_spawn_file_actions_t bad;
	T_CHECK(posix_spawn_file_actions_init(&bad) == 0);
	T_CHECK(posix_spawn_file_actions_addopen(&bad, 5, "/nonexistent/x", O_RDONLY, 0) == 0);
	T_CHECK(posix_spawn(&pid, "/bin/sh", &bad, NULL, sh, environ) == ENOENT);
	T_CHECK(posix_spawn_file_actions_destroy(&bad) == 0);

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	T_CHECK(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
	T_CHECK(posix_spawnattr_init(&attr) == 0);
	T_CHECK(posix_spawnattr_setsigmask(&attr, &set) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	T_CHECK(posix_spawnattr_setsigdefault(&attr, &set) == 0);
	T_CHECK(posix_spawnattr_setpgroup(&attr, 0) == 0);
	T_CHECK(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							POSIX_SPAWN_SETPGROUP) == 0);
	char *cat[] = {"grep", "-E", "^(Pid|SigBlk|SigIgn|SigCgt):", "/proc/self/status", NULL};
	pid = spawn(p[1], cat, &attr, environ, 0);
	t_wait_exit(pid, 0);
	n = read(p[0], line, sizeof(line) - 1);
	T_CHECK(n > 0);
	line[n] = 0;
	printf("%s", line);
	char *ignored = strstr(line, "SigIgn:\t");
	T_CHECK(strstr(line, "SigBlk:\t0000000000004000\n") && ignored);
	T_CHECK((strtoul(ignored + 8, NULL, 16) & 1u << (SIGUSR2 - 1)) == 0);
	T_CHECK(posix_spawnattr_destroy(&attr) == 0);

	/* Several running at once. */
	pid_t pids[8];
	for (int i = 0; i < 8; i++) {
		char *argv[] = {"sh", "-c", "exit $0", (char[]){(char)('0' + i), 0}, NULL};

		pids[i] = spawn(p[1], argv, NULL, environ, 0);
	}
	for (int i = 7; i >= 0; i--)
		t_wait_exit(pids[i], i);
	printf("last pid %d\n", pids[7]);
	return 0;
}
