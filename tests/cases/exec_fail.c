/*
 * exec that fails: each way gives its error and the process goes on as it was. Shows that
 * preparing the next image does not disturb this one.
 */
#include "victim.h"
#include <sys/resource.h>
#include <sys/sendfile.h>

extern char **environ;

static void after(const char *what)
{
	int status;
	pid_t pid = t_fork();

	if (pid == 0)
		_exit(5);
	T_CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
	printf("%s: still here, %d at %ld\n", what, getpid(), (long)t_now_ns(CLOCK_MONOTONIC));
}

int main(void)
{
	char *argv[] = {"x", NULL};
	char **before = environ, **bad = T_OPAQUE((char **)8);

	T_FAILS(ENOENT, execve("/nonexistent/x", argv, environ));
	T_FAILS(ENOENT, execve("", argv, environ));
	T_FAILS(ENOENT, execvp("no-such-program-anywhere", argv));
	after("ENOENT");
	t_make_file("plain", "#!/bin/sh\nexit 0\n");
	T_FAILS(EACCES, execve("./plain", argv, environ));
	T_FAILS(EACCES, execve("/tmp", argv, environ));
	T_FAILS(ENOTDIR, execve("./plain/x", argv, environ));
	after("EACCES");
	t_make_file("garbage", "no magic here\n");
	T_CHECK(chmod("garbage", 0755) == 0);
	T_FAILS(ENOEXEC, execve("./garbage", argv, environ));
	t_make_file("bad-interpreter", "#!/nonexistent/interpreter\n");
	T_CHECK(chmod("bad-interpreter", 0755) == 0);
	T_FAILS(ENOENT, execve("./bad-interpreter", argv, environ));
	t_make_file("cut-elf", "\177ELF\2\1\1");
	T_CHECK(chmod("cut-elf", 0755) == 0);
	T_FAILS(ENOEXEC, execve("./cut-elf", argv, environ));
	after("ENOEXEC");
	T_CHECK(symlink("loop", "loop") == 0);
	T_FAILS(ELOOP, execve("./loop", argv, environ));

	/* One string longer than MAX_ARG_STRLEN, and too much in sum. */
	size_t len = 200000;
	char *big = malloc(len + 1);
	T_CHECK(big);
	memset(big, 'x', len);
	big[len] = 0;
	T_FAILS(E2BIG, execve("/bin/true", (char *[]){"true", big, NULL}, environ));
	big[100000] = 0;
	char **many = calloc(101, sizeof(char *));
	T_CHECK(many);
	for (int i = 0; i < 100; i++)
		many[i] = big;
	T_FAILS(E2BIG, execve("/bin/true", many, environ));
	T_FAILS(E2BIG, execve("/bin/true", argv, many));
	after("E2BIG");

	int from = open("/bin/true", O_RDONLY), to = open("busy", O_CREAT | O_WRONLY, 0755);
	struct stat st;
	T_CHECK(from >= 0 && to >= 0 && fstat(from, &st) == 0);
	T_CHECK(sendfile(to, from, NULL, (size_t)st.st_size) == st.st_size);
	T_FAILS(ETXTBSY, execve("./busy", argv, environ));
	close(from);
	T_CHECK(close(to) == 0);
	after("ETXTBSY");
	T_FAILS(EFAULT, execve((char *)bad, argv, environ));
	T_FAILS(EFAULT, execve("/bin/true", bad, environ));
	T_FAILS(EFAULT, execve("/bin/true", (char *[]){(char *)bad, NULL}, environ));
	T_FAILS(EFAULT, execve("/bin/true", argv, bad));
	after("EFAULT");
	T_CHECK(environ == before && !getenv("LD_PRELOAD"));

	/* execvp gives a file without magic to the shell. */
	t_make_file("garbage", "echo run by the shell, $$\nexit 11\n");
	pid_t pid = t_fork();
	if (pid == 0) {
		execvp("./garbage", (char *[]){"garbage", NULL});
		_exit(1);
	}
	t_wait_exit(pid, 11);
	pid = t_fork();
	if (pid == 0) {
		execve("./busy", argv, environ);
		_exit(1);
	}
	t_wait_exit(pid, 0);
	return 0;
}
