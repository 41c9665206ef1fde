/*
 * Masks that hold for one call only: ppoll, pselect and epoll_pwait of several threads take a
 * signal that is blocked otherwise, beside sigtimedwait and signalfd which take the same one.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>

enum { PPOLL, PSELECT, EPOLL_PWAIT, SIGTIMEDWAIT, SIGNALFD, WAYS };

static volatile int stop;
static __thread volatile int caught;

static void on_usr1(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	T_CHECK(si->si_pid == getpid());
	caught++;
}

static void *waiter(void *arg)
{
	struct timespec limit = {0, 3000000};
	struct signalfd_siginfo info;
	struct epoll_event ev;
	int ep = epoll_create1(0), fd, rc, before, taken = 0, interrupted = 0;
	sigset_t none, usr1;
	struct pollfd p = {.events = POLLIN};

	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	p.fd = fd = signalfd(-1, &usr1, SFD_NONBLOCK);
	T_CHECK(ep >= 0 && fd >= 0);
	while (!stop) {
		before = caught;
		switch ((intptr_t)arg) {
		case PPOLL:
			rc = ppoll(NULL, 0, &limit, &none);
			break;
		case PSELECT:
			rc = pselect(0, NULL, NULL, NULL, &limit, &none);
			break;
		case EPOLL_PWAIT:
			rc = epoll_pwait(ep, &ev, 1, 3, &none);
			break;
		case SIGTIMEDWAIT:
			rc = sigtimedwait(&usr1, NULL, &limit);
			break;
		default:
			rc = poll(&p, 1, 3);
			if (rc == 1)
				rc = read(fd, &info, sizeof(info)) > 0 ? SIGUSR1 : 0;
		}
		taken += rc == SIGUSR1;
		interrupted += rc == -1 && errno == EINTR;
		T_CHECK(caught == before || ((intptr_t)arg < SIGTIMEDWAIT && rc == -1));
	}
	printf("%ld: caught %d, taken %d, interrupted %d times\n", (long)(intptr_t)arg, caught,
	       taken, interrupted);
	close(ep);
	close(fd);
	return NULL;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_RESTART};
	pthread_t th[WAYS];
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	T_CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
	T_CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (intptr_t i = 0; i < WAYS; i++)
		T_CHECK(pthread_create(&th[i], NULL, waiter, (void *)i) == 0);
	for (int i = 0; i < 200; i++) {
		T_CHECK(pthread_kill(th[i % WAYS], SIGUSR1) == 0);
		if (i % 3 == 0)
			T_CHECK(kill(getpid(), SIGUSR1) == 0);
		if (i % 4 == 0)
			usleep(150);
	}
	usleep(5000);
	stop = 1;
	for (int i = 0; i < WAYS; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	return 0;
}
