/*
 * No wake-up is lost: signals that come at any moment around the call that waits for them.
 * Two processes, then two threads, pass a turn to and fro by a signal each, waited for in
 * sigsuspend, ppoll, pselect, epoll_pwait, sigwaitinfo, sigtimedwait, through a signalfd and
 * through a pipe that the handler writes to; one that is lost ends it all by SIGALRM.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>

enum { SUSPEND, PPOLL, PSELECT, EPOLL_PWAIT, WAITINFO, TIMEDWAIT, SIGNALFD, SELF_PIPE, WAYS };
enum { TURNS = 40 };

static __thread volatile sig_atomic_t caught;
static __thread int to_self = -1;
static unsigned long moments;

static void on_usr1(int sig)
{
	int saved = errno;

	(void)sig;
	caught++;
	if (to_self >= 0)
		T_CHECK(write(to_self, "x", 1) == 1);
	errno = saved;
}

struct waiter {
	sigset_t none, usr1;
	int epoll, fd, pipe[2];
};

static void prepare(struct waiter *w)
{
	sigfillset(&w->none);
	sigdelset(&w->none, SIGUSR1);
	sigdelset(&w->none, SIGALRM);
	sigemptyset(&w->usr1);
	sigaddset(&w->usr1, SIGUSR1);
	w->epoll = epoll_create1(0);
	w->fd = signalfd(-1, &w->usr1, 0);
	T_CHECK(w->epoll >= 0 && w->fd >= 0 && pipe(w->pipe) == 0);
}

static void forget(struct waiter *w)
{
	close(w->epoll), close(w->fd), close(w->pipe[0]), close(w->pipe[1]);
}

/* SIGUSR1 is blocked outside. */
static void wait_for_turn(struct waiter *w, int way)
{
	struct signalfd_siginfo info;
	struct epoll_event ev;
	char byte;
	int rc;

	caught = 0;
	switch (way) {
	case SUSPEND:
		T_FAILS(EINTR, sigsuspend(&w->none));
		break;
	case PPOLL:
		T_FAILS(EINTR, ppoll(NULL, 0, NULL, &w->none));
		break;
	case PSELECT:
		T_FAILS(EINTR, pselect(0, NULL, NULL, NULL, NULL, &w->none));
		break;
	case EPOLL_PWAIT:
		T_FAILS(EINTR, epoll_pwait(w->epoll, &ev, 1, -1, &w->none));
		break;
	case WAITINFO:
		T_CHECK(sigwaitinfo(&w->usr1, NULL) == SIGUSR1);
		return;
	case TIMEDWAIT:
		T_CHECK(sigtimedwait(&w->usr1, NULL, &(struct timespec){1000, 0}) == SIGUSR1);
		return;
	case SIGNALFD:
		T_CHECK(read(w->fd, &info, sizeof(info)) == sizeof(info));
		T_CHECK(info.ssi_signo == SIGUSR1);
		return;
	case SELF_PIPE: /* open all the time */
		to_self = w->pipe[1];
		T_CHECK(pthread_sigmask(SIG_UNBLOCK, &w->usr1, NULL) == 0);
		do
			rc = (int)read(w->pipe[0], &byte, 1);
		while (rc < 0 && errno == EINTR);
		T_CHECK(rc == 1 && pthread_sigmask(SIG_BLOCK, &w->usr1, NULL) == 0);
		to_self = -1;
	}
	T_CHECK(caught == 1);
}

static void wait_a_moment(int turn)
{
	static __thread volatile int rounds;
	int64_t now = t_now_ns(CLOCK_MONOTONIC);

	moments = moments * 31 + (unsigned long)now;
	if (turn % 3)
		for (rounds = (int)(now & 1023); rounds > 0; rounds--)
			;
}

static void between_processes(int way)
{
	struct waiter w;
	pid_t pid = t_fork();

	prepare(&w);
	if (pid == 0) {
		for (int i = 0; i < TURNS; i++) {
			wait_for_turn(&w, way);
			wait_a_moment(i);
			T_CHECK(kill(getppid(), SIGUSR1) == 0);
		}
		_exit(way + 1);
	}
	for (int i = 0; i < TURNS; i++) {
		T_CHECK(kill(pid, SIGUSR1) == 0);
		wait_a_moment(i);
		wait_for_turn(&w, way);
	}
	forget(&w);
	t_wait_exit(pid, way + 1);
}

struct pair {
	int way;
	pthread_t other;
};

static void *passes_back(void *arg)
{
	struct pair *pair = arg;
	struct waiter w;

	prepare(&w);
	for (int i = 0; i < TURNS; i++) {
		wait_for_turn(&w, pair->way);
		wait_a_moment(i);
		T_CHECK(pthread_kill(pair->other, SIGUSR1) == 0);
	}
	forget(&w);
	return NULL;
}

static void between_threads(int way)
{
	struct pair pair = {way, pthread_self()};
	struct waiter w;
	pthread_t th;

	prepare(&w);
	T_CHECK(pthread_create(&th, NULL, passes_back, &pair) == 0);
	for (int i = 0; i < TURNS; i++) {
		T_CHECK(pthread_kill(th, SIGUSR1) == 0);
		wait_a_moment(i);
		wait_for_turn(&w, way);
	}
	forget(&w);
	T_CHECK(pthread_join(th, NULL) == 0);
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_usr1};
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	T_CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
	for (int way = 0; way < WAYS; way++) {
		alarm(50);
		between_processes(way);
		between_threads(way);
		printf("%d: %016lx\n", way, moments);
	}
	return 0;
}
