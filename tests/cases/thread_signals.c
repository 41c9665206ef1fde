/*
 * Signals in a program with threads: pthread_kill to threads that wait, run and wait for a
 * lock; process signals taken by the one thread that lets them through; sigwait threads;
 * signalfd; handlers that leave by siglongjmp; alternate stacks of each thread's own.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <sys/signalfd.h>
#include <sys/time.h>

static sem_t ready;
static __thread volatile int mine, on_alt;
static __thread char alt[32768];
static __thread sigjmp_buf env;
static volatile int total, stop;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void on_usr1(int sig, siginfo_t *si, void *uc)
{
	char c;

	(void)sig, (void)uc;
	T_CHECK(si->si_pid == getpid());
	on_alt = &c > alt && &c < alt + sizeof(alt);
	mine++;
	total++;
}

static void on_usr2(int sig)
{
	(void)sig;
	siglongjmp(env, 3);
}

static void wait_ready(void)
{
	while (sem_wait(&ready))
		;
}

static void *target(void *arg)
{
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};
	int how = (int)(intptr_t)arg;

	if (how & 1)
		T_CHECK(sigaltstack(&ss, NULL) == 0);
	sem_post(&ready);
	while (mine < 5) {
		switch (how) {
		case 0:
			T_FAILS(EINTR, pause());
			break;
		case 1:
			poll(NULL, 0, 1);
			break;
		case 2:
			pthread_mutex_lock(&m);
			usleep(50);
			pthread_mutex_unlock(&m);
			break;
		case 3:
			getppid();
			break;
		}
	}
	T_CHECK(on_alt == (how & 1));
	return (void *)(intptr_t)mine;
}

static void *jumper(void *arg)
{
	volatile int jumps = 0, told = 0;

	while (jumps < 10) {
		if (sigsetjmp(env, 1) == 3)
			jumps++;
		else if (told) /* there is somewhere to jump to before the first signal */
			usleep(1000000);
		told = 1;
		sem_post(&ready);
	}
	return arg;
}

static void *waiter(void *arg)
{
	sigset_t set;
	siginfo_t si;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGTERM);
	sem_post(&ready);
	for (;;) {
		int sig = sigwaitinfo(&set, &si);

		if (sig < 0 && errno == EINTR)
			continue;
		T_CHECK(sig > 0);
		if (sig == SIGTERM)
			break;
		n += si.si_value.sival_int;
	}
	(void)arg;
	return (void *)(intptr_t)n;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	struct sigaction jump = {.sa_handler = on_usr2};
	struct signalfd_siginfo info;
	pthread_t th[8];
	sigset_t set;
	void *res;
	int fd, sum = 0;

	T_CHECK(sem_init(&ready, 0, 0) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	T_CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	T_CHECK(sigaction(SIGUSR1, &sa, NULL) == 0 && sigaction(SIGUSR2, &jump, NULL) == 0);
	for (intptr_t i = 0; i < 4; i++)
		T_CHECK(pthread_create(&th[i], NULL, target, (void *)i) == 0);
	for (int i = 0; i < 4; i++)
		wait_ready();
	for (int i = 0; i < 4; i++)
		while (pthread_tryjoin_np(th[i], &res)) {
			int rc = pthread_kill(th[i], SIGUSR1);

			T_CHECK(rc == 0 || rc == ESRCH);
			usleep(500);
		}
	printf("%d in all\n", total);

	T_CHECK(pthread_create(&th[0], NULL, jumper, NULL) == 0);
	wait_ready();
	for (int i = 0; i < 10; i++) {
		usleep(300);
		T_CHECK(pthread_kill(th[0], SIGUSR2) == 0);
		wait_ready();
	}
	T_CHECK(pthread_join(th[0], NULL) == 0);

	/* the process's signals go to those who wait for them */
	for (intptr_t i = 0; i < 3; i++)
		T_CHECK(pthread_create(&th[i], NULL, waiter, NULL) == 0);
	for (int i = 0; i < 3; i++)
		wait_ready();
	for (int i = 0; i < 30; i++) {
		T_CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){1}) == 0);
		if (i % 5 == 0)
			usleep(200);
	}
	usleep(5000);
	for (int i = 0; i < 3; i++)
		T_CHECK(pthread_kill(th[i], SIGTERM) == 0);
	for (int i = 0; i < 3; i++) {
		T_CHECK(pthread_join(th[i], &res) == 0);
		printf("waiter %d took %ld\n", i, (long)(intptr_t)res);
		sum += (int)(intptr_t)res;
	}
	T_CHECK(sum == 30);

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	fd = signalfd(-1, &set, 0);
	T_CHECK(fd >= 0 && kill(getpid(), SIGHUP) == 0);
	T_CHECK(read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGHUP);
	T_CHECK((pid_t)info.ssi_pid == getpid());
	printf("signalfd from %d\n", info.ssi_pid);
	(void)stop;
	return 0;
}
