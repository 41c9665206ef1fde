/*
 * pthread_cancel: deferred, asynchronous, disabled, and blocked in read, nanosleep,
 * cond_wait, poll, accept, sem_wait, sigwait, join; cleanup handlers run in order.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>

static int p[2], sock;
static sem_t sem, ready, asked;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_t forever;
static int cleaned;

static void cleanup(void *arg)
{
	cleaned = cleaned * 10 + (int)(intptr_t)arg;
}

static void unlock(void *arg)
{
	T_CHECK(pthread_mutex_unlock(arg) == 0);
}

static void *waits(void *arg)
{
	struct pollfd fd = {.fd = p[0], .events = POLLIN};
	sigset_t set;
	char byte;
	int sig;

	pthread_cleanup_push(cleanup, (void *)1);
	pthread_cleanup_push(cleanup, (void *)2);
	sem_post(&ready);
	switch ((intptr_t)arg) {
	case 0:
		read(p[0], &byte, 1);
		break;
	case 1:
		nanosleep(&(struct timespec){100, 0}, NULL);
		break;
	case 2:
		pthread_mutex_lock(&m);
		pthread_cleanup_push(unlock, &m);
		for (;;)
			pthread_cond_wait(&c, &m);
		pthread_cleanup_pop(1);
		break;
	case 3:
		poll(&fd, 1, -1);
		break;
	case 4:
		accept(sock, NULL, NULL);
		break;
	case 5:
		sem_wait(&sem);
		break;
	case 6:
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		sigwait(&set, &sig);
		break;
	case 7:
		pthread_join(forever, NULL);
		break;
	case 8: /* only at a point of its own choice */
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		usleep(5000);
		while (sem_wait(&asked)) /* a loaded machine may take longer */
			T_CHECK(errno == EINTR);
		cleaned = 9;
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		pthread_testcancel();
		break;
	case 9: /* anywhere */
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
		for (;;)
			getppid();
	case 10:
		for (;;) {
			pthread_testcancel();
			sched_yield();
		}
	}
	T_CHECK(!"not cancelled");
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	pthread_t th;
	void *res;

	T_CHECK(pipe(p) == 0 && sem_init(&sem, 0, 0) == 0 && sem_init(&ready, 0, 0) == 0);
	T_CHECK(sem_init(&asked, 0, 0) == 0);
	sock = socket(AF_INET, SOCK_STREAM, 0);
	T_CHECK(sock >= 0 && listen(sock, 1) == 0);
	T_CHECK(pthread_create(&forever, NULL, waits, (void *)1) == 0);
	T_CHECK(sem_wait(&ready) == 0);
	for (intptr_t i = 0; i <= 10; i++) {
		cleaned = 0;
		T_CHECK(pthread_create(&th, NULL, waits, (void *)i) == 0);
		T_CHECK(sem_wait(&ready) == 0);
		usleep(i & 1 ? 1000 : 0);
		T_CHECK(pthread_cancel(th) == 0);
		if (i == 8)
			sem_post(&asked);
		T_CHECK(pthread_join(th, &res) == 0 && res == PTHREAD_CANCELED);
		T_CHECK(cleaned == (i == 8 ? 921 : 21));
		printf("%ld cancelled at %lld\n", (long)i, (long long)t_now_ns(CLOCK_MONOTONIC));
	}
	T_CHECK(pthread_cancel(forever) == 0);
	T_CHECK(pthread_join(forever, &res) == 0 && res == PTHREAD_CANCELED);
	return 0;
}
