/*
 * SIGPIPE: death of a child by it, a handler, ignored with EPIPE, MSG_NOSIGNAL; and
 * SIGXFSZ, its sister for files. Shows signals that a call itself causes.
 */
#include "victim.h"
#include <sys/resource.h>
#include <sys/socket.h>

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

int main(void)
{
	int p[2], sv[2], status;
	char buf[100];

	signal(SIGPIPE, SIG_DFL);
	T_CHECK(pipe(p) == 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		close(p[0]);
		t_fill(buf, sizeof(buf), t_seed());
		for (;;)
			T_CHECK(write(p[1], buf, sizeof(buf)) > 0);
	}
	close(p[1]);
	T_CHECK(read(p[0], buf, sizeof(buf)) > 0 && close(p[0]) == 0);
	T_CHECK(waitpid(pid, &status, 0) == pid);
	T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	printf("child %d died, had sent %016lx\n", pid, t_hash(buf, sizeof(buf)));

	T_CHECK(pipe(p) == 0 && close(p[0]) == 0);
	signal(SIGPIPE, on_signal);
	T_FAILS(EPIPE, write(p[1], "x", 1));
	T_CHECK(caught == SIGPIPE);
	caught = 0;
	T_FAILS(EPIPE, dprintf(p[1], "%d", 1));
	T_CHECK(caught == SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	T_FAILS(EPIPE, write(p[1], "x", 1));
	signal(SIGPIPE, on_signal);
	caught = 0;
	T_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0 && close(sv[0]) == 0);
	T_FAILS(EPIPE, send(sv[1], "x", 1, MSG_NOSIGNAL));
	T_CHECK(caught == 0);
	T_FAILS(EPIPE, send(sv[1], "x", 1, 0));
	T_CHECK(caught == SIGPIPE);

	struct rlimit rl;
	T_CHECK(getrlimit(RLIMIT_FSIZE, &rl) == 0);
	rl.rlim_cur = 10;
	pid = t_fork();
	if (pid == 0) {
		int fd = open("limited", O_CREAT | O_WRONLY, 0600);

		signal(SIGXFSZ, on_signal);
		T_CHECK(setrlimit(RLIMIT_FSIZE, &rl) == 0);
		T_CHECK(write(fd, "0123456789abcdef", 16) == 10);
		T_FAILS(EFBIG, write(fd, "x", 1));
		T_CHECK(caught == SIGXFSZ);
		signal(SIGXFSZ, SIG_DFL);
		(void)!write(fd, "x", 1);
		_exit(0);
	}
	T_CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGXFSZ);

	/* A shell's own pipeline that ends early. */
	fflush(NULL);
	signal(SIGPIPE, SIG_DFL);
	T_CHECK(system("yes $$ | head -n 2") == 0);
	return 0;
}
