/*
 * A storm: a timer's signals every 200 us and queued real-time signals, whose handlers make
 * calls and nest, into threads that contend for a lock, allocate and wait.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

enum { WORKERS = 4, ROUNDS = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int ticks, queued, stop;
static int p[2];
static long order;

static void on_alarm(int sig)
{
	int saved = errno;

	(void)sig;
	T_CHECK(write(p[1], "x", 1) == 1 || errno == EAGAIN);
	ticks++;
	errno = saved;
}

static void on_queued(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	queued += si->si_value.sival_int;
	getppid();
}

static void *worker(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg + 1;

	for (int i = 0; i < ROUNDS; i++) {
		void *block;

		pthread_mutex_lock(&lock);
		order = order * 31 + (intptr_t)arg;
		seed = seed * 1103515245 + 12345;
		if (seed % 16 == 0)
			getppid();
		pthread_mutex_unlock(&lock);
		block = malloc(seed % 5000);
		if (i % 50 == 0)
			sched_yield();
		free(block);
	}
	return NULL;
}

static void *reader(void *arg)
{
	char buf[64];
	intptr_t got = 0;

	while (!stop) {
		ssize_t n = read(p[0], buf, sizeof(buf));

		T_CHECK(n > 0 || errno == EAGAIN);
		got += n > 0 ? n : 0;
		if (got % 5 == 0)
			T_CHECK(pthread_sigqueue(*(pthread_t *)arg, SIGRTMIN,
						 (union sigval){1}) == 0);
		usleep(50);
	}
	return (void *)got;
}

int main(void)
{
	struct sigaction alarms = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct sigaction rt = {.sa_sigaction = on_queued,
			       .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART};
	struct itimerval every = {{0, 200}, {0, 200}}, off = {{0, 0}, {0, 0}};
	pthread_t th[WORKERS], reads, self = pthread_self();
	void *got;

	T_CHECK(pipe2(p, O_NONBLOCK) == 0);
	T_CHECK(sigaction(SIGALRM, &alarms, NULL) == 0 && sigaction(SIGRTMIN, &rt, NULL) == 0);
	for (intptr_t i = 0; i < WORKERS; i++)
		T_CHECK(pthread_create(&th[i], NULL, worker, (void *)i) == 0);
	T_CHECK(pthread_create(&reads, NULL, reader, &self) == 0);
	T_CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
	for (int i = 0; i < WORKERS; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	for (int i = 0; i < 100; i++)
		usleep(100);
	T_CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	stop = 1;
	T_CHECK(pthread_join(reads, &got) == 0);
	T_CHECK(ticks > 0);
	printf("%d ticks, %d queued, order %lx, %ld read\n", ticks, queued, order,
	       (long)(intptr_t)got);
	return 0;
}
