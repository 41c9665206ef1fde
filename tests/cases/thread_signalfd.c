/*
 * One signalfd read by several threads: which of them takes which of the queued signals.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/signalfd.h>

enum { READERS = 3, QUEUED = 300 };

static int fd;

static void *reader(void *arg)
{
	struct signalfd_siginfo s[4];
	intptr_t count = 0;
	long order = 0;

	for (;;) {
		ssize_t n = read(fd, s, sizeof(s));

		T_CHECK(n > 0);
		for (int i = 0; i < n / (ssize_t)sizeof(s[0]); i++) {
			if (s[i].ssi_signo == SIGTERM) {
				printf("reader %ld: %ld, order %lx\n", (long)(intptr_t)arg,
				       (long)count, order);
				return (void *)count;
			}
			T_CHECK((int)s[i].ssi_signo == SIGRTMIN + 5);
			count++;
			order = order * 7 + s[i].ssi_int;
		}
	}
}

int main(void)
{
	pthread_t th[READERS];
	sigset_t set;
	intptr_t sum = 0;
	void *count;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 5);
	sigaddset(&set, SIGTERM);
	T_CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	fd = signalfd(-1, &set, 0);
	T_CHECK(fd >= 0);
	for (intptr_t i = 0; i < READERS; i++)
		T_CHECK(pthread_create(&th[i], NULL, reader, (void *)i) == 0);
	for (int i = 0; i < QUEUED; i++) {
		T_CHECK(sigqueue(getpid(), SIGRTMIN + 5, (union sigval){i}) == 0);
		if (i % 10 == 0)
			usleep(10);
	}
	sigdelset(&set, SIGTERM);
	do /* until all are taken */
		usleep(1000);
	while (sigpending(&set) == 0 && sigismember(&set, SIGRTMIN + 5));
	for (int i = 0; i < READERS; i++) { /* one at a time: equal ones are merged */
		T_CHECK(kill(getpid(), SIGTERM) == 0);
		do
			usleep(1000);
		while (sigpending(&set) == 0 && sigismember(&set, SIGTERM));
	}
	for (int i = 0; i < READERS; i++) {
		T_CHECK(pthread_join(th[i], &count) == 0);
		sum += (intptr_t)count;
	}
	T_CHECK(sum == QUEUED);
	return 0;
}
