/*
 * Asynchronous signals to a process that waits: timers, children, kill; EINTR and restart;
 * masks, pending signals, nesting, alternate stack, one-shot handlers. Shows that each is
 * delivered at the same place.
 */
/* SOAK */
#include "victim.h"
#include <poll.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks, usr1, chld, depth, max_depth, on_alt;
static char alt[65536];

static void on_tick(int sig)
{
	(void)sig;
	ticks++;
}
static void on_usr1(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	usr1 = si->si_pid;
}
static void on_chld(int sig)
{
	int saved = errno;

	(void)sig;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		chld++;
	errno = saved;
}
static void on_nest(int sig)
{
	char c;

	on_alt = &c > alt && &c < alt + sizeof(alt);
	if (++depth > max_depth)
		max_depth = depth;
	if (sig == SIGUSR1)
		raise(SIGUSR2);
	if (sig == SIGUSR2 && depth < 3)
		raise(SIGUSR2);
	depth--;
}

static void install(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};

	sigemptyset(&sa.sa_mask);
	T_CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void every_us(long us)
{
	struct itimerval it = {{0, us}, {0, us}}, old;

	T_CHECK(setitimer(ITIMER_REAL, &it, &old) == 0);
}

static void interrupted(void)
{
	struct timespec ts = {5, 0}, rem = {0, 0};
	char buf[64];
	int p[2];

	T_CHECK(pipe(p) == 0);
	install(SIGALRM, on_tick, 0);
	every_us(3000);
	T_FAILS(EINTR, pause());
	T_FAILS(EINTR, read(p[0], buf, 1));
	T_FAILS(EINTR, poll(NULL, 0, 5000));
	T_FAILS(EINTR, nanosleep(&ts, &rem));
	T_CHECK(rem.tv_sec < 5);
	printf("left %ld\n", rem.tv_nsec);
	T_CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL) == EINTR && ticks >= 5);

	install(SIGALRM, on_tick, SA_RESTART);
	T_FAILS(EINTR, pause());
	T_FAILS(EINTR, poll(NULL, 0, 5000));
	int before = ticks;
	pid_t pid = t_fork();
	if (pid == 0) {
		every_us(0);
		usleep(20000);
		dprintf(p[1], "from %d", getpid());
		usleep(20000);
		_exit(4);
	}
	ssize_t n = read(p[0], buf, sizeof(buf) - 1);
	T_CHECK(n > 5 && ticks > before);
	t_wait_exit(pid, 4);
	every_us(0);
	T_CHECK(ticks - before >= 2);
	buf[n] = 0;
	printf("restarted through %d ticks: %s\n", ticks - before, buf);
	close(p[0]), close(p[1]);
}

static void from_child(void)
{
	struct sigaction sa = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO}, old;
	sigset_t block, before, pend;

	T_CHECK(sigaction(SIGUSR1, &sa, &old) == 0 && old.sa_handler == SIG_DFL);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	T_CHECK(sigprocmask(SIG_BLOCK, &block, &before) == 0);
	for (int i = 0; i < 5; i++) {
		usr1 = 0;
		pid_t pid = t_fork();
		if (pid == 0) {
			kill(getppid(), SIGUSR1);
			_exit(0);
		}
		sigset_t open_mask = before;
		sigdelset(&open_mask, SIGUSR1);
		if (i == 4) { /* pending while blocked, then delivered by the unblocking */
			t_wait_exit(pid, 0);
			T_CHECK(usr1 == 0 && sigpending(&pend) == 0);
			T_CHECK(sigismember(&pend, SIGUSR1) == 1);
			T_CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
			T_CHECK(usr1 == pid);
			break;
		}
		T_FAILS(EINTR, sigsuspend(&open_mask));
		T_CHECK(usr1 == pid);
		T_CHECK(sigprocmask(SIG_BLOCK, NULL, &pend) == 0 && sigismember(&pend, SIGUSR1));
		printf("USR1 from %d\n", usr1);
		t_wait_exit(pid, 0);
	}
	install(SIGCHLD, on_chld, SA_RESTART | SA_NOCLDSTOP);
	int saved_errno = errno = 12;
	for (int i = 0; i < 6; i++)
		if (t_fork() == 0)
			_exit(i);
	while (chld < 6)
		usleep(500);
	T_CHECK(chld == 6 && saved_errno == 12);
	T_CHECK(sigaction(SIGCHLD, NULL, &old) == 0);
	T_CHECK(old.sa_handler == on_chld && old.sa_flags & SA_NOCLDSTOP);
	signal(SIGCHLD, SIG_IGN); /* children reap themselves */
	pid_t pid = t_fork();
	if (pid == 0)
		_exit(1);
	T_FAILS(ECHILD, waitpid(pid, NULL, 0));
	signal(SIGCHLD, SIG_DFL);
}

static void nesting(void)
{
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};
	struct sigaction old;

	T_CHECK(sigaltstack(&ss, NULL) == 0);
	install(SIGUSR1, on_nest, SA_ONSTACK);
	install(SIGUSR2, on_nest, SA_NODEFER);
	T_CHECK(raise(SIGUSR1) == 0 && max_depth == 3 && depth == 0 && on_alt);
	install(SIGUSR2, on_tick, SA_RESETHAND);
	T_CHECK(raise(SIGUSR2) == 0 && sigaction(SIGUSR2, NULL, &old) == 0);
	T_CHECK(old.sa_handler == SIG_DFL);
	T_CHECK(signal(SIGUSR2, SIG_IGN) == SIG_DFL && raise(SIGUSR2) == 0);
	T_FAILS(EINVAL, sigaction(SIGKILL, &old, NULL));
	T_FAILS(EINVAL, sigaction(65, NULL, &old));
}

int main(void)
{
	timer_t id;
	struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	struct itimerspec it = {{0, 2000000}, {0, 1000000}};

	interrupted();
	from_child();
	nesting();
	ticks = 0;
	install(SIGRTMIN, on_tick, 0);
	T_CHECK(timer_create(CLOCK_MONOTONIC, &se, &id) == 0);
	T_CHECK(timer_settime(id, 0, &it, NULL) == 0);
	while (ticks < 4)
		pause();
	T_CHECK(timer_gettime(id, &it) == 0 && timer_getoverrun(id) >= 0);
	T_CHECK(timer_delete(id) == 0);
	install(SIGALRM, on_tick, 0);
	T_CHECK(alarm(100) == 0 && alarm(0) > 50 && ualarm(1000, 0) == 0);
	int before = ticks;
	while (ticks == before)
		usleep(100000);
	printf("ticks %d, next %ld\n", ticks, it.it_value.tv_nsec);
	return 0;
}
