/*
 * The kernel writes into shared memory for one process while another looks at it: read,
 * readv, pread of much, poll and recv, each by a child whose buffer the parent watches, spinning.
 * Shows that the bytes appear at the same moment of the parent's run. And what the kernel leaves as it is, or
 * writes when the call fails: the rest of a sleep.
 */
/* SOAK */
#include "victim.h"
#include <poll.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

enum { BIG = 300 * 1024 };

struct shared {
	_Atomic int step;
	volatile char small[64], first[8], second[64];
	struct pollfd polled;
	struct timespec nap;
	volatile char big[BIG];
};

/* A process that shares nothing, and so runs at any time: sends what it got a little later. */
static void echo(int fd)
{
	char text[64];
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) > 0) {
		usleep(3000);
		t_write_all(fd, text, (size_t)n);
	}
	_exit(0);
}

static void later(int fd, const char *text)
{
	t_write_all(fd, text, strlen(text));
}

static void on_alarm(int signo)
{
	(void)signo;
}

static void naps(struct shared *s)
{
	struct itimerval soon = {.it_value = {0, 20000}};

	s->nap = (struct timespec){0, 1000000};
	T_CHECK(nanosleep(&s->nap, &s->nap) == 0 && !s->nap.tv_sec && s->nap.tv_nsec == 1000000);
	T_CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
	T_CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	T_FAILS(EINTR, nanosleep(&(struct timespec){100, 0}, &s->nap));
	T_CHECK(s->nap.tv_sec == 99);
	printf("%ld ns left\n", s->nap.tv_nsec);
}

static void child(struct shared *s, int in, int file)
{
	struct iovec iov[2] = {{(void *)s->first, sizeof(s->first)},
			       {(void *)s->second, sizeof(s->second)}};

	later(in, "read");
	T_CHECK(read(in, (void *)s->small, sizeof(s->small)) == 4);
	while (s->step != 1)
		usleep(100);
	later(in, "readv of two pieces");
	T_CHECK(readv(in, iov, 2) == 19);
	while (s->step != 2)
		usleep(100);
	T_CHECK(pread(file, (void *)s->big, BIG, 0) == BIG);
	while (s->step != 3)
		usleep(100);
	s->polled = (struct pollfd){in, POLLIN, 0};
	later(in, "x");
	T_CHECK(poll(&s->polled, 1, 10000) == 1);
	while (s->step != 4)
		usleep(100);
	s->small[0] = 0;
	T_CHECK(recv(in, (void *)s->small, 1, 0) == 1);
	_exit(0);
}

static long spin(volatile char *at)
{
	while (!*at)
		;
	return *at;
}

int main(void)
{
	static char bytes[BIG];
	int pair[2], file = open("file", O_CREAT | O_RDWR, 0600);

	T_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && file >= 0);
	pid_t echoes = t_fork();
	if (echoes == 0) {
		T_CHECK(close(pair[0]) == 0);
		echo(pair[1]);
	}
	T_CHECK(close(pair[1]) == 0);
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T_CHECK(s != MAP_FAILED);
	t_fill(bytes, sizeof(bytes), t_seed());
	bytes[BIG - 1] = 'e';
	t_write_all(file, bytes, sizeof(bytes));
	pid_t pid = t_fork();
	if (pid == 0)
		child(s, pair[0], file);
	spin(s->small);
	printf("%.4s\n", (const char *)s->small);
	s->step = 1;
	spin(&s->second[10]);
	printf("%.8s%.11s\n", (const char *)s->first, (const char *)s->second);
	s->step = 2;
	spin(&s->big[BIG - 1]);
	printf("%016lx\n", t_hash((const void *)s->big, BIG));
	s->step = 3;
	spin((volatile char *)&s->polled.revents);
	printf("polled %d\n", s->polled.revents);
	s->small[0] = 0;
	s->step = 4;
	spin(s->small);
	t_wait_exit(pid, 0);
	T_CHECK(close(pair[0]) == 0);
	t_wait_exit(echoes, 0);
	naps(s);
	printf("done by %d\n", pid);
	return 0;
}
