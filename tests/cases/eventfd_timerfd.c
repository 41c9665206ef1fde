/*
 * eventfd and timerfd: counters, semaphores, expirations. Shows that how often a timer
 * had expired when it was read is replayed.
 */
#include "victim.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

int main(void)
{
	uint64_t v = 0;
	int e = eventfd(5, EFD_CLOEXEC), s = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);

	T_CHECK(e >= 0 && s >= 0);
	T_CHECK(eventfd_write(e, 37) == 0 && read(e, &v, 8) == 8 && v == 42);
	for (int i = 0; i < 3; i++)
		T_CHECK(read(s, &v, 8) == 8 && v == 1);
	T_FAILS(EAGAIN, read(s, &v, 8));
	T_FAILS(EINVAL, read(s, &v, 4));
	pid_t pid = t_fork();
	if (pid == 0) {
		uint64_t mine = (uint64_t)getpid();

		T_CHECK(write(e, &mine, 8) == 8);
		_exit(0);
	}
	T_CHECK(read(e, &v, 8) == 8 && v == (uint64_t)pid);
	printf("the child sent its pid %lu\n", (unsigned long)v);
	t_wait_exit(pid, 0);

	int t = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct itimerspec it = {{0, 1000000}, {0, 500000}}, old;
	T_CHECK(t >= 0 && timerfd_settime(t, 0, &it, NULL) == 0);
	uint64_t total = 0;
	while (total < 10) {
		struct pollfd p = {t, POLLIN, 0};
		struct timespec pause = {0, 1700000};

		nanosleep(&pause, NULL);
		T_CHECK(poll(&p, 1, 1000) == 1);
		if (read(t, &v, 8) == 8) {
			printf("expired %lu\n", (unsigned long)v);
			total += v;
		}
	}
	T_CHECK(timerfd_gettime(t, &old) == 0 && old.it_interval.tv_nsec == 1000000);
	printf("next in %ld ns, total %lu\n", old.it_value.tv_nsec, (unsigned long)total);
	it = (struct itimerspec){{0}, {0}};
	T_CHECK(timerfd_settime(t, 0, &it, &old) == 0 && old.it_interval.tv_nsec == 1000000);
	T_FAILS(EAGAIN, read(t, &v, 8));

	int r = timerfd_create(CLOCK_REALTIME, 0);
	struct timespec now;
	T_CHECK(r >= 0 && clock_gettime(CLOCK_REALTIME, &now) == 0);
	it = (struct itimerspec){{0}, {now.tv_sec, now.tv_nsec}};
	T_CHECK(timerfd_settime(r, TFD_TIMER_ABSTIME, &it, NULL) == 0);
	T_CHECK(read(r, &v, 8) == 8 && v == 1);
	T_FAILS(EINVAL, timerfd_create(77, 0));
	printf("armed at %ld.%09ld\n", (long)now.tv_sec, now.tv_nsec);
	T_CHECK(close(r) == 0 && close(t) == 0 && close(e) == 0 && close(s) == 0);
	return 0;
}
