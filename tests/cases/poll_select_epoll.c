/*
 * Waiting: poll, ppoll, select, pselect, epoll in all forms, ready and timed out. Shows
 * that sets, time left and the order of ready descriptors are replayed.
 */
#include "victim.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

enum { PIPES = 6 };
static int p[PIPES][2];

/* A child that writes into every pipe, in an order of its own. */
static pid_t writer(void)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		unsigned at = (unsigned)(t_seed() >> 33);

		for (int i = 0; i < PIPES; i++) {
			usleep(500 + at % 700);
			T_CHECK(write(p[(at + (unsigned)i) % PIPES][1], "x", 1) == 1);
		}
		_exit(0);
	}
	return pid;
}

static void with_poll(void)
{
	struct pollfd fds[PIPES + 2];
	pid_t pid = writer();
	char c;

	for (int left = PIPES; left;) {
		for (int i = 0; i < PIPES; i++)
			fds[i] = (struct pollfd){p[i][0], POLLIN, 0x55};
		fds[PIPES] = (struct pollfd){-1, POLLIN, 0x55};
		fds[PIPES + 1] = (struct pollfd){900, POLLIN, 0};
		int n = left & 1 ? poll(fds, PIPES + 1, 2000)
				 : ppoll(fds, PIPES + 1, &(struct timespec){2, 0}, NULL);
		T_CHECK(n > 0 && fds[PIPES].revents == 0);
		for (int i = 0; i < PIPES; i++)
			if (fds[i].revents & POLLIN) {
				printf("poll: %d ready\n", i);
				T_CHECK(read(p[i][0], &c, 1) == 1);
				left--;
			}
	}
	t_wait_exit(pid, 0);
	T_CHECK(poll(fds + PIPES + 1, 1, 0) == 1 && fds[PIPES + 1].revents == POLLNVAL);
	T_CHECK(poll(fds, 1, 3) == 0 && poll(NULL, 0, 2) == 0);
	T_CHECK(ppoll(fds, 1, &(struct timespec){0, 1000}, NULL) == 0);
	fds[0].fd = p[0][1], fds[0].events = POLLOUT;
	T_CHECK(poll(fds, 1, -1) == 1 && fds[0].revents == POLLOUT);
}

static void with_select(void)
{
	struct timeval tv = {2, 0};
	pid_t pid = writer();
	fd_set set, wset;
	char c;

	for (int left = PIPES; left;) {
		FD_ZERO(&set);
		FD_ZERO(&wset);
		for (int i = 0; i < PIPES; i++)
			FD_SET(p[i][0], &set);
		int n = left & 1 ? select(64, &set, NULL, NULL, &tv)
				 : pselect(64, &set, &wset, NULL, &(struct timespec){2, 0}, NULL);
		T_CHECK(n > 0);
		for (int i = 0; i < PIPES; i++)
			if (FD_ISSET(p[i][0], &set)) {
				printf("select: %d ready, left %ld.%06ld\n", i, (long)tv.tv_sec,
				       (long)tv.tv_usec);
				T_CHECK(read(p[i][0], &c, 1) == 1);
				left--;
			}
	}
	t_wait_exit(pid, 0);
	FD_ZERO(&set);
	FD_SET(p[0][0], &set);
	tv = (struct timeval){0, 2000};
	T_CHECK(select(p[0][0] + 1, &set, NULL, NULL, &tv) == 0 && !FD_ISSET(p[0][0], &set));
	T_CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
	FD_SET(p[0][1], &set);
	T_CHECK(select(64, NULL, &set, NULL, NULL) == 1 && FD_ISSET(p[0][1], &set));
	FD_ZERO(&set);
	FD_SET(60, &set);
	T_FAILS(EBADF, select(64, &set, NULL, NULL, &tv));
	T_CHECK(select(0, NULL, NULL, NULL, &(struct timeval){0, 1000}) == 0);
}

static void with_epoll(void)
{
	struct epoll_event ev = {.events = EPOLLIN}, got[PIPES];
	int ep = epoll_create1(EPOLL_CLOEXEC);
	char c;

	T_CHECK(ep >= 0);
	for (int i = 0; i < PIPES; i++) {
		ev.data.u64 = 0x1234567800000000u + (unsigned)i;
		T_CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[i][0], &ev) == 0);
	}
	T_FAILS(EEXIST, epoll_ctl(ep, EPOLL_CTL_ADD, p[0][0], &ev));
	T_FAILS(ENOENT, epoll_ctl(ep, EPOLL_CTL_MOD, p[0][1], &ev));
	pid_t pid = writer();
	for (int left = PIPES; left;) {
		int n = left % 3 == 0 ? epoll_wait(ep, got, PIPES, 2000)
			: left % 3 == 1
				? epoll_pwait(ep, got, 2, -1, NULL)
				: (int)syscall(SYS_epoll_pwait2, ep, got, PIPES,
					       &(struct timespec){2, 0}, NULL, 0);
		T_CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			printf("epoll: %lx events %x\n", (long)got[i].data.u64, got[i].events);
			T_CHECK(read(p[(int)got[i].data.u64][0], &c, 1) == 1);
			left--;
		}
	}
	t_wait_exit(pid, 0);
	T_CHECK(epoll_wait(ep, got, PIPES, 0) == 0 && epoll_wait(ep, got, PIPES, 3) == 0);
	/* An address as data, and edge-triggered once. */
	ev = (struct epoll_event){EPOLLOUT | EPOLLET | EPOLLONESHOT, {.ptr = &ev}};
	T_CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0][1], &ev) == 0);
	T_CHECK(epoll_wait(ep, got, 4, 100) == 1 && got[0].data.ptr == &ev);
	printf("epoll: ptr %p\n", got[0].data.ptr);
	T_CHECK(epoll_wait(ep, got, 4, 0) == 0);
	T_CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0][1], NULL) == 0);
	T_FAILS(EINVAL, epoll_wait(ep, got, 0, 0));
	T_CHECK(close(ep) == 0);
	T_CHECK((ep = epoll_create(1)) >= 0 && close(ep) == 0);
}

int main(void)
{
	int64_t start = t_now_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < PIPES; i++)
		T_CHECK(pipe(p[i]) == 0);
	with_poll();
	with_select();
	with_epoll();
	printf("took %ld ns\n", (long)(t_now_ns(CLOCK_MONOTONIC) - start));
	return 0;
}
