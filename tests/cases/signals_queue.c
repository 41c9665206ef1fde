/*
 * Queued signals: sigqueue with a value, sigwaitinfo, sigtimedwait, sigwait, order of
 * real-time signals. Shows that what each carried is replayed.
 */
/* SOAK */
#include "victim.h"

static int order[32], count;

static void on_rt(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	T_CHECK(si->si_code == SI_QUEUE && si->si_uid == getuid());
	order[count++] = (sig - SIGRTMIN) * 1000 + si->si_value.sival_int;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_rt, .sa_flags = SA_SIGINFO};
	sigset_t set, old;
	siginfo_t si;
	int sig;

	sigfillset(&sa.sa_mask);
	sigemptyset(&set);
	for (int i = 0; i < 3; i++) {
		T_CHECK(sigaction(SIGRTMIN + i, &sa, NULL) == 0);
		sigaddset(&set, SIGRTMIN + i);
	}
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	T_CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	for (int i = 0; i < 3; i++)
		for (int s = 2; s >= 0; s--)
			T_CHECK(sigqueue(getpid(), SIGRTMIN + s, (union sigval){i}) == 0);
	T_CHECK(count == 0);
	/* One is taken synchronously, the others delivered by the unblocking. */
	T_CHECK(sigwaitinfo(&set, &si) == SIGRTMIN && si.si_value.sival_int == 0);
	T_CHECK(si.si_pid == getpid() && si.si_code == SI_QUEUE);
	T_CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0 && count == 8);
	for (int i = 0; i < count; i++) {
		printf("%d ", order[i]);
		T_CHECK(i == 0 || order[i] > order[i - 1]);
	}
	T_CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);

	pid_t pid = t_fork();
	if (pid == 0) {
		union sigval v = {.sival_ptr = (void *)(t_seed() | 1)};

		usleep(2000);
		T_CHECK(sigqueue(getppid(), SIGUSR1, v) == 0);
		_exit(21);
	}
	bool usr = false, chld = false;
	while (!usr || !chld) {
		sig = sigtimedwait(&set, &si, &(struct timespec){5, 0});
		T_CHECK(sig > 0 && si.si_pid == pid);
		if (sig == SIGUSR1) {
			usr = true;
			printf("\nfrom %d: %p\n", si.si_pid, si.si_value.sival_ptr);
			T_CHECK(si.si_code == SI_QUEUE);
		} else {
			chld = true;
			T_CHECK(sig == SIGCHLD && si.si_code == CLD_EXITED && si.si_status == 21);
		}
	}
	t_wait_exit(pid, 21);
	T_FAILS(EAGAIN, sigtimedwait(&set, &si, &(struct timespec){0, 2000000}));
	T_FAILS(EAGAIN, sigtimedwait(&set, &si, &(struct timespec){0, 0}));
	T_CHECK(raise(SIGUSR1) == 0 && sigwait(&set, &sig) == 0 && sig == SIGUSR1);
	T_CHECK(kill(getpid(), SIGUSR1) == 0 && kill(getpid(), SIGUSR1) == 0);
	T_CHECK(sigwaitinfo(&set, &si) == SIGUSR1 && si.si_code == SI_USER);
	T_FAILS(EAGAIN, sigtimedwait(&set, NULL, &(struct timespec){0, 0}));
	T_FAILS(EINVAL, sigqueue(getpid(), 65, (union sigval){0}));
	T_FAILS(ESRCH, sigqueue(0x3ffffff, SIGUSR1, (union sigval){0}));
	return 0;
}
