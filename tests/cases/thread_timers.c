/*
 * Timers in a program with threads: SIGEV_THREAD, SIGEV_THREAD_ID, setitimer and alarm ending
 * sleeps of the one thread that lets SIGALRM through.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static sem_t sem;
static volatile int threads_run, alarms, directed;
static pid_t alarm_tid, directed_tid;

static void in_thread(union sigval v)
{
	T_CHECK(v.sival_int == 77 && gettid() != getpid());
	__atomic_add_fetch(&threads_run, 1, __ATOMIC_SEQ_CST);
	sem_post(&sem);
}

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
	alarm_tid = gettid();
}

static void on_directed(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	T_CHECK(si->si_code == SI_TIMER && gettid() == directed_tid);
	directed++;
}

static void *has_timer(void *arg)
{
	struct sigevent se = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 3};
	struct itimerspec it = {{0, 2000000}, {0, 2000000}};
	timer_t id;

	directed_tid = gettid();
	se.sigev_notify_thread_id = directed_tid;
	T_CHECK(timer_create(CLOCK_MONOTONIC, &se, &id) == 0);
	T_CHECK(timer_settime(id, 0, &it, NULL) == 0);
	while (directed < 5) {
		struct timespec left = {0, 0};

		T_FAILS(EINTR, nanosleep(&(struct timespec){10, 0}, &left));
		printf("left %ld\n", left.tv_nsec);
	}
	T_CHECK(timer_delete(id) == 0);
	return arg;
}

static void *idle(void *arg)
{
	sigset_t set;

	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	usleep(30000);
	return arg;
}

int main(void)
{
	struct sigevent se = {.sigev_notify = SIGEV_THREAD,
			      .sigev_notify_function = in_thread,
			      .sigev_value.sival_int = 77};
	struct itimerspec it = {{0, 1000000}, {0, 1000000}};
	struct itimerval every = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = on_alarm};
	struct sigaction rt = {.sa_sigaction = on_directed, .sa_flags = SA_SIGINFO};
	pthread_t th[2];
	timer_t id;

	T_CHECK(sem_init(&sem, 0, 0) == 0);
	T_CHECK(timer_create(CLOCK_REALTIME, &se, &id) == 0);
	T_CHECK(timer_settime(id, 0, &it, NULL) == 0);
	for (int i = 0; i < 8; i++)
		T_CHECK(sem_wait(&sem) == 0);
	T_CHECK(timer_delete(id) == 0 && threads_run >= 8);

	T_CHECK(sigaction(SIGRTMIN + 3, &rt, NULL) == 0);
	T_CHECK(pthread_create(&th[0], NULL, has_timer, NULL) == 0);
	T_CHECK(pthread_join(th[0], NULL) == 0);

	T_CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_create(&th[i], NULL, idle, NULL) == 0);
	usleep(1000);
	T_CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
	while (alarms < 6) {
		struct timespec left = {0, 0};

		T_FAILS(EINTR, nanosleep(&(struct timespec){10, 0}, &left));
		T_CHECK(alarm_tid == getpid());
		printf("alarm, left %ld\n", left.tv_nsec);
	}
	T_CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	alarm(1);
	T_CHECK(sleep(10) >= 1 && alarms >= 7);
	return 0;
}
