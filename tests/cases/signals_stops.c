/*
 * Job control: a process with threads stops itself and is stopped, continues, and is ended
 * while it is stopped; what its parent's wait and SIGCHLD handler see of it.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>

enum { CODES = 16 };

static int go[2];
static volatile int children, codes[CODES], stops, continued;

static void on_chld(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	if (children < CODES)
		codes[children] = si->si_code;
	children++;
}

static void on_tstp(int sig)
{
	(void)sig;
	stops++;
}

static void on_cont(int sig)
{
	(void)sig;
	continued++;
}

static void *naps(void *arg)
{
	for (int i = 0; i < 30; i++)
		usleep(500);
	return arg;
}

static int stopped_by(pid_t pid)
{
	int status;

	T_CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	return WSTOPSIG(status);
}

static void stops_itself(void)
{
	pthread_t th;
	char byte;

	T_CHECK(setpgid(0, 0) == 0); /* SIGTSTP does not stop an orphaned group */
	T_CHECK(signal(SIGTSTP, on_tstp) != SIG_ERR && signal(SIGCONT, on_cont) != SIG_ERR);
	T_CHECK(pthread_create(&th, NULL, naps, NULL) == 0);
	T_CHECK(raise(SIGTSTP) == 0 && stops == 1);
	T_CHECK(raise(SIGSTOP) == 0);
	printf("continued %d times by %lld\n", continued, (long long)t_now_ns(CLOCK_MONOTONIC));
	/* a stop undoes a going-on that nobody has waited for yet */
	T_CHECK(read(go[0], &byte, 1) == 1);
	T_CHECK(signal(SIGTSTP, SIG_DFL) != SIG_ERR && raise(SIGTSTP) == 0);
	T_CHECK(pthread_join(th, NULL) == 0);
	exit(stops * 10 + continued);
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
	siginfo_t si;
	pthread_t th;
	int status;
	pid_t pid;

	T_CHECK(sigaction(SIGCHLD, &sa, NULL) == 0 && pipe(go) == 0);
	pid = t_fork();
	if (pid == 0)
		stops_itself();
	T_CHECK(stopped_by(pid) == SIGSTOP);
	usleep(2000);
	T_CHECK(kill(pid, SIGCONT) == 0 && waitid(P_PID, (id_t)pid, &si, WCONTINUED) == 0);
	T_CHECK(si.si_code == CLD_CONTINUED);
	t_write_all(go[1], "x", 1);
	T_CHECK(stopped_by(pid) == SIGTSTP && kill(pid, SIGCONT) == 0);
	do
		T_CHECK(waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid);
	while (!WIFEXITED(status));
	T_CHECK(WEXITSTATUS(status) == 12);
	for (int i = 0; i < children && i < CODES; i++)
		printf("code %d\n", codes[i]);

	pid = t_fork();
	if (pid == 0) {
		T_CHECK(pthread_create(&th, NULL, naps, NULL) == 0);
		for (;;)
			pause();
	}
	usleep(1000);
	T_CHECK(kill(pid, SIGSTOP) == 0 && stopped_by(pid) == SIGSTOP);
	T_CHECK(kill(pid, SIGTERM) == 0 && kill(pid, SIGCONT) == 0);
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	T_CHECK(WTERMSIG(status) == SIGTERM);
	printf("%d ended\n", pid);
	return 0;
}
