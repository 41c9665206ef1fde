/*
 * Terminals: openpty, termios, window size, ttyname, a session with a controlling terminal
 * in a child, line editing. Shows that terminal calls are replayed without a terminal.
 */
#include "victim.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static volatile sig_atomic_t resized;
static void on_winch(int sig)
{
	resized = sig;
}

int main(void)
{
	struct winsize ws = {24, 80, 0, 0}, got = {0};
	struct termios t, t2;
	char name[64], buf[256];
	int master, slave, v = -1;

	ws.ws_col = (unsigned short)(40 + (t_seed() >> 40) % 200);
	T_CHECK(openpty(&master, &slave, name, NULL, &ws) == 0);
	T_CHECK(isatty(slave) && isatty(master) && strcmp(ttyname(slave), name) == 0);
	T_CHECK(ioctl(slave, TIOCGWINSZ, &got) == 0 && got.ws_col == ws.ws_col);
	printf("%s is %dx%d for %d\n", name, got.ws_col, got.ws_row, getpid());
	T_CHECK(ioctl(master, TIOCGPTN, &v) == 0 && atoi(name + 9) == v);
	T_CHECK(ptsname_r(master, buf, sizeof(buf)) == 0 && strcmp(buf, name) == 0);
	int null = open("/dev/null", O_RDWR);
	T_CHECK(!isatty(null) && errno == ENOTTY && !ttyname(null));
	T_FAILS(ENOTTY, tcgetattr(null, &t));
	T_FAILS(ENOTTY, ioctl(null, TIOCGWINSZ, &got));

	T_CHECK(tcgetattr(slave, &t) == 0 && (t.c_lflag & ICANON) && (t.c_lflag & ECHO));
	printf("termios %x %x %x %x speed %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag,
	       (int)cfgetospeed(&t));
	T_CHECK(write(master, "lime\177\177ne\n", 9) == 9);
	ssize_t n = read(slave, buf, sizeof(buf));
	T_CHECK(n == 5 && memcmp(buf, "line\n", 5) == 0);
	n = read(master, buf, sizeof(buf));
	T_CHECK(n > 0);
	printf("echo of %zd bytes %016lx\n", n, t_hash(buf, (size_t)n));
	t2 = t;
	cfmakeraw(&t2);
	t2.c_cc[VMIN] = 1, t2.c_cc[VTIME] = 0;
	T_CHECK(tcsetattr(slave, TCSANOW, &t2) == 0 && tcgetattr(slave, &t) == 0);
	T_CHECK((t.c_lflag & ICANON) == 0 && write(master, "a\177", 2) == 2);
	for (v = 0; v < 2; usleep(100)) /* the kernel passes it on in its own time */
		T_CHECK(ioctl(slave, FIONREAD, &v) == 0);
	T_CHECK(v == 2 && read(slave, buf, 10) == 2);
	T_CHECK(tcflush(slave, TCIOFLUSH) == 0 && tcdrain(slave) == 0);

	/* A session of its own on a second pair. */
	int m2;
	fflush(NULL);
	pid_t pid = forkpty(&m2, name, NULL, &ws);
	T_CHECK(pid >= 0);
	if (pid == 0) {
		struct sigaction sa = {.sa_handler = on_winch};

		sigaction(SIGWINCH, &sa, NULL);
		T_CHECK(isatty(0) && tcgetpgrp(0) == getpid() && tcgetsid(0) == getpid());
		int tty = open("/dev/tty", O_RDWR);
		T_CHECK(tty >= 0);
		dprintf(tty, "ready %d\n", getpid());
		T_CHECK(read(0, buf, sizeof(buf)) > 0 || resized || errno == EINTR);
		for (int i = 0; i < 1000 && !resized; i++)
			usleep(1000);
		T_CHECK(ioctl(0, TIOCGWINSZ, &got) == 0);
		printf("child sees %d columns\n", got.ws_col);
		exit(resized ? 0 : 1);
	}
	n = read(m2, buf, sizeof(buf));
	T_CHECK(n > 6 && memcmp(buf, "ready ", 6) == 0 && atoi(buf + 6) == pid);
	ws.ws_col++;
	T_CHECK(ioctl(m2, TIOCSWINSZ, &ws) == 0 && write(m2, "go\n", 3) == 3);
	size_t total = 0;
	while ((n = read(m2, buf + total, sizeof(buf) - 1 - total)) > 0)
		total += (size_t)n;
	T_CHECK(n == -1 && errno == EIO);
	buf[total] = 0;
	printf("from %s: %s", name, buf);
	t_wait_exit(pid, 0);
	return 0;
}
