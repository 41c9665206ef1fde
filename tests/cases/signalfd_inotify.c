/*
 * signalfd and inotify: signals and file changes read as data. Shows that both are
 * recorded as the bytes they are.
 */
#include "victim.h"
#include <limits.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>

static void signals(void)
{
	struct signalfd_siginfo si[4];
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	T_CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	T_CHECK(fd >= 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		kill(getppid(), SIGUSR1);
		_exit(9);
	}
	bool usr = false, chld = false;
	while (!usr || !chld) {
		ssize_t n = read(fd, si, sizeof(si));

		T_CHECK(n >= (ssize_t)sizeof(si[0]) && n % (ssize_t)sizeof(si[0]) == 0);
		for (size_t i = 0; i < (size_t)n / sizeof(si[0]); i++) {
			T_CHECK(si[i].ssi_pid == (uint32_t)pid);
			printf("signal %u from %u code %d\n", si[i].ssi_signo, si[i].ssi_pid,
			       si[i].ssi_code);
			usr |= si[i].ssi_signo == SIGUSR1;
			chld |= si[i].ssi_signo == SIGCHLD && si[i].ssi_status == 9;
		}
	}
	t_wait_exit(pid, 9);
	T_CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	T_FAILS(EAGAIN, read(fd, si, sizeof(si)));
	sigdelset(&set, SIGCHLD);
	T_CHECK(signalfd(fd, &set, 0) == fd && close(fd) == 0);
	T_CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
}

static void changes(void)
{
	char buf[4096] __attribute__((aligned(8)));
	char name[40];
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), count = 0;

	T_CHECK(fd >= 0 && mkdir("watched", 0700) == 0);
	int wd = inotify_add_watch(fd, "watched", IN_ALL_EVENTS);
	T_CHECK(wd > 0);
	T_FAILS(EAGAIN, read(fd, buf, sizeof(buf)));
	snprintf(name, sizeof(name), "watched/f-%d", getpid());
	t_make_file(name, "x");
	T_CHECK(rename(name, "watched/renamed") == 0 && unlink("watched/renamed") == 0);
	uint32_t cookie = 0;
	for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0;)
		for (char *p = buf; p < buf + n; count++) {
			struct inotify_event *ev = (void *)p;

			printf("inotify wd %d mask %x cookie %x %s\n", ev->wd, ev->mask,
			       ev->cookie, ev->len ? ev->name : "");
			if (ev->mask & IN_MOVED_FROM)
				cookie = ev->cookie;
			if (ev->mask & IN_MOVED_TO)
				T_CHECK(ev->cookie == cookie && cookie);
			p += sizeof(*ev) + ev->len;
		}
	T_CHECK(errno == EAGAIN && count >= 6);
	T_CHECK(inotify_rm_watch(fd, wd) == 0 && read(fd, buf, sizeof(buf)) > 0);
	T_FAILS(EINVAL, inotify_rm_watch(fd, wd));
	T_CHECK(close(fd) == 0);
}

int main(void)
{
	signals();
	changes();
	return 0;
}
