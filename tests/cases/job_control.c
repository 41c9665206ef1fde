/*
 * Job control on a terminal, as a shell does it: jobs in process groups, the foreground's
 * ^Z and ^C, a background job that reads and is stopped by SIGTTIN, one that writes and is
 * stopped by SIGTTOU, continued in the foreground; an orphaned group that is stopped gets
 * SIGHUP and SIGCONT; the session's end sends SIGHUP.
 */
/* SOAK */
/* LDLIBS: -lutil */
#include "victim.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static volatile sig_atomic_t conts, hups;

static void on_cont(int sig)
{
	conts += sig == SIGCONT;
}

static void on_hup(int sig)
{
	hups += sig == SIGHUP;
}

static void as_job(pid_t group)
{
	T_CHECK(setpgid(0, group) == 0);
	T_CHECK(signal(SIGCONT, on_cont) != SIG_ERR);
}

static pid_t job(void (*fn)(void))
{
	pid_t pid = t_fork();

	if (pid == 0) {
		as_job(0);
		fn();
		exit(conts);
	}
	T_CHECK(setpgid(pid, pid) == 0 || errno == EACCES);
	return pid;
}

static void foreground(pid_t group)
{
	T_CHECK(tcsetpgrp(0, group) == 0);
}

static int stopped_by(pid_t pid)
{
	int status;

	T_CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	return WSTOPSIG(status);
}

static void reads(void)
{
	char line[64];
	ssize_t n = read(0, line, sizeof(line));

	T_CHECK(n == 6 && !memcmp(line, "input\n", 6));
}

static void writes(void)
{
	struct termios t;

	T_CHECK(tcgetattr(0, &t) == 0);
	t.c_lflag |= TOSTOP;
	T_CHECK(tcsetattr(0, TCSANOW, &t) == 0);
	printf("job %d writes\n", getpid());
	fflush(stdout);
}

static void sleeps(void)
{
	for (;;)
		pause();
}

static void shell(int to_me)
{
	pid_t pid;
	int status;

	/* the shell takes the terminal back from the background */
	T_CHECK(signal(SIGTTOU, SIG_IGN) != SIG_ERR);
	T_CHECK(signal(SIGTTIN, SIG_IGN) != SIG_ERR && signal(SIGTSTP, SIG_IGN) != SIG_ERR);
	T_CHECK(tcgetpgrp(0) == getpid());

	signal(SIGTTIN, SIG_DFL);
	pid = job(reads);
	signal(SIGTTIN, SIG_IGN);
	T_CHECK(stopped_by(pid) == SIGTTIN);
	foreground(pid);
	T_CHECK(kill(-pid, SIGCONT) == 0);
	dprintf(to_me, "input\n");
	t_wait_exit(pid, 1);
	foreground(getpid());
	printf("reader %d done\n", pid);

	signal(SIGTTOU, SIG_DFL);
	pid = job(writes);
	signal(SIGTTOU, SIG_IGN);
	T_CHECK(stopped_by(pid) == SIGTTOU);
	foreground(pid);
	T_CHECK(kill(-pid, SIGCONT) == 0);
	t_wait_exit(pid, 1);
	foreground(getpid());

	signal(SIGTSTP, SIG_DFL);
	pid = job(sleeps);
	signal(SIGTSTP, SIG_IGN);
	foreground(pid);
	dprintf(to_me, "\032");
	T_CHECK(stopped_by(pid) == SIGTSTP);
	foreground(getpid());
	T_CHECK(kill(-pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid);
	T_CHECK(WIFCONTINUED(status));
	foreground(pid);
	dprintf(to_me, "\003");
	T_CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGINT);
	foreground(getpid());
	printf("sleeper %d interrupted\n", pid);
	fflush(stdout);
}

static void orphans(void)
{
	int p[2], status;
	char text[64] = "";
	pid_t pid;

	T_CHECK(pipe(p) == 0);
	pid = t_fork();
	if (pid == 0) { /* leaves a stopped child behind */
		pid_t left;

		T_CHECK(setpgid(0, 0) == 0);
		left = t_fork();
		if (left == 0) {
			T_CHECK(signal(SIGHUP, on_hup) != SIG_ERR);
			T_CHECK(signal(SIGCONT, on_cont) != SIG_ERR);
			raise(SIGSTOP);
			while (!hups)
				usleep(100);
			dprintf(p[1], "%d: %d and %d", getpid(), hups, conts);
			_exit(0);
		}
		T_CHECK(waitpid(left, &status, WUNTRACED) == left && WIFSTOPPED(status));
		_exit(3);
	}
	close(p[1]);
	t_wait_exit(pid, 3);
	T_CHECK(t_read_all(p[0], text, sizeof(text) - 1) > 0);
	printf("orphan %s\n", text);
	fflush(stdout);
	close(p[0]);
}

int main(void)
{
	int master, slave, ready[2];
	char name[64], seen[4096];
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	T_CHECK(openpty(&master, &slave, name, NULL, NULL) == 0 && pipe(ready) == 0);
	pid = t_fork();
	if (pid == 0) {
		close(ready[0]);
		T_CHECK(setsid() == getpid() && ioctl(slave, TIOCSCTTY, 0) == 0);
		for (int fd = 0; fd < 2; fd++)
			T_CHECK(dup2(slave, fd) == fd);
		close(slave);
		shell(master);
		orphans();
		close(master);
		T_CHECK(signal(SIGHUP, on_hup) != SIG_ERR);
		t_write_all(ready[1], "x", 1);
		while (!hups)
			usleep(100);
		_exit(20 + hups);
	}
	close(slave), close(ready[1]);
	while (len < sizeof(seen) - 1 && !strstr(seen, "orphan") &&
	       (n = read(master, seen + len, sizeof(seen) - 1 - len)) > 0)
		seen[len += (size_t)n] = 0;
	printf("%s", seen);
	T_CHECK(read(ready[0], seen, 1) == 1 && close(master) == 0); /* hangs up */
	t_wait_exit(pid, 21);
	return 0;
}
