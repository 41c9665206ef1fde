/*
 * Timers of every clock and kind: setitimer by virtual and by profiling time, timer_create on
 * processor-time clocks of a thread and of the process, on the boot clock, absolute times,
 * SIGEV_NONE that is only asked, overruns of one that is blocked, several at once; what their
 * signals tell.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile int count, code, value, overrun;
static volatile unsigned long work;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	count++;
	code = si->si_code;
	value = si->si_value.sival_int;
	if (si->si_overrun > overrun)
		overrun = si->si_overrun; /* of the first of several, where it is late */
}

static void install(int sig)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

	T_CHECK(sigaction(sig, &sa, NULL) == 0);
	count = 0;
}

static void compute_until(int enough)
{
	while (count < enough)
		work = work * 31 + 1;
	printf("%d signals, code %d, after %016lx\n", count, code, work);
}

static void by_processor_time(void)
{
	static const struct {
		int which, sig;
	} timers[] = {{ITIMER_VIRTUAL, SIGVTALRM}, {ITIMER_PROF, SIGPROF}};

	for (int i = 0; i < 2; i++) {
		struct itimerval it = {{0, 10000}, {0, 10000}}, off = {{0, 0}, {0, 0}}, now;

		install(timers[i].sig);
		T_CHECK(setitimer(timers[i].which, &it, NULL) == 0);
		compute_until(2);
		T_CHECK(getitimer(timers[i].which, &now) == 0);
		T_CHECK(setitimer(timers[i].which, &off, NULL) == 0);
		printf("%ld us left\n", (long)now.it_value.tv_usec);
	}
}

static void *of_a_thread(void *arg)
{
	struct sigevent se = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN,
			      .sigev_value.sival_int = 55};
	struct itimerspec it = {{0, 0}, {0, 10000000}};
	timer_t id;

	se.sigev_notify_thread_id = gettid();
	install(SIGRTMIN);
	T_CHECK(timer_create(CLOCK_THREAD_CPUTIME_ID, &se, &id) == 0);
	T_CHECK(timer_settime(id, 0, &it, NULL) == 0);
	compute_until(1);
	T_CHECK(code == SI_TIMER && value == 55 && timer_delete(id) == 0);
	return arg;
}

static void by_clock(clockid_t clock, const char *name)
{
	struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1,
			      .sigev_value.sival_int = (int)clock + 100};
	struct itimerspec it = {{0, 0}, {0, 0}}, old;
	timer_t id;

	install(SIGRTMIN + 1);
	T_CHECK(timer_create(clock, &se, &id) == 0);
	T_CHECK(clock_gettime(clock, &it.it_value) == 0);
	it.it_value.tv_nsec += 5000000;
	if (it.it_value.tv_nsec >= 1000000000) {
		it.it_value.tv_sec++;
		it.it_value.tv_nsec -= 1000000000;
	}
	T_CHECK(timer_settime(id, TIMER_ABSTIME, &it, NULL) == 0);
	while (!count)
		clock == CLOCK_PROCESS_CPUTIME_ID ? (void)work++ : (void)usleep(100000);
	T_CHECK(code == SI_TIMER && value == (int)clock + 100);
	T_CHECK(timer_gettime(id, &old) == 0 && old.it_value.tv_nsec == 0);
	T_CHECK(timer_delete(id) == 0);
	T_FAILS(EINVAL, timer_gettime(id, &old));
	printf("%s at %lld\n", name, (long long)t_now_ns(clock));
}

static void asked_only(void)
{
	struct sigevent se = {.sigev_notify = SIGEV_NONE};
	struct itimerspec it = {{0, 0}, {100, 0}}, left;
	timer_t id;

	T_CHECK(timer_create(CLOCK_MONOTONIC, &se, &id) == 0);
	T_CHECK(timer_settime(id, 0, &it, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		T_CHECK(timer_gettime(id, &left) == 0 && left.it_value.tv_sec >= 90);
		printf("%ld s, %ld ns left\n", left.it_value.tv_sec, left.it_value.tv_nsec);
	}
	T_CHECK(timer_delete(id) == 0);
}

static void overruns(void)
{
	struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
	struct itimerspec it = {{0, 500000}, {0, 500000}}, off = {{0, 0}, {0, 0}};
	sigset_t set, old;
	timer_t id;
	int missed;

	install(SIGRTMIN + 2);
	overrun = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	T_CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	T_CHECK(timer_create(CLOCK_MONOTONIC, &se, &id) == 0);
	T_CHECK(timer_settime(id, 0, &it, NULL) == 0);
	usleep(20000);
	T_CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0 && count >= 1);
	missed = overrun;
	T_CHECK(timer_settime(id, 0, &off, NULL) == 0);
	printf("%d signals, %d overruns, %d by the last\n", count, missed, timer_getoverrun(id));
	T_CHECK(missed >= 5);
	T_CHECK(timer_delete(id) == 0);
}

static void many(void)
{
	enum { TIMERS = 20 };
	timer_t id[TIMERS];
	char order[256];
	sigset_t set;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	T_CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	for (int i = 0; i < TIMERS; i++) {
		struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3,
				      .sigev_value.sival_int = i};
		struct itimerspec it = {{0, 300000 + i * 10000}, {0, 300000 + i * 10000}};

		T_CHECK(timer_create(i & 1 ? CLOCK_MONOTONIC : CLOCK_REALTIME, &se, &id[i]) == 0);
		T_CHECK(timer_settime(id[i], 0, &it, NULL) == 0);
	}
	while (n < 200) {
		siginfo_t si;

		T_CHECK(sigwaitinfo(&set, &si) == SIGRTMIN + 3 && si.si_code == SI_TIMER);
		order[n++] = (char)('a' + si.si_value.sival_int);
	}
	for (int i = 0; i < TIMERS; i++)
		T_CHECK(timer_delete(id[i]) == 0);
	printf("%.*s\n", n, order);
}

int main(void)
{
	pthread_t th;

	by_processor_time();
	T_CHECK(pthread_create(&th, NULL, of_a_thread, NULL) == 0);
	T_CHECK(pthread_join(th, NULL) == 0);
	by_clock(CLOCK_REALTIME, "real time");
	by_clock(CLOCK_MONOTONIC, "monotonic");
	by_clock(CLOCK_BOOTTIME, "since boot");
	by_clock(CLOCK_PROCESS_CPUTIME_ID, "processor time");
	asked_only();
	overruns();
	many();
	return 0;
}
