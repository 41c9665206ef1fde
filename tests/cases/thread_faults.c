/*
 * SIGSEGV handlers that repair and return, in several threads at once, on alternate stacks of
 * their own, making calls, while other signals come in.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

enum { THREADS = 4, PAGES = 40, PAGE = 4096, ROUNDS = 5 };

static char *area;
static int faults;
static __thread int repaired;
static __thread volatile int interrupted;
static __thread char alt[65536];

static void on_segv(int sig, siginfo_t *si, void *uc)
{
	char *page = (char *)((uintptr_t)si->si_addr & ~(PAGE - 1ul)), here;

	(void)sig, (void)uc;
	T_CHECK(&here > alt && &here < alt + sizeof(alt));
	T_CHECK(page >= area && page < area + THREADS * PAGES * PAGE);
	repaired++;
	__atomic_add_fetch(&faults, 1, __ATOMIC_SEQ_CST);
	T_CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
	getppid();
}

static void on_usr1(int sig)
{
	(void)sig;
	interrupted++;
}

static void *toucher(void *arg)
{
	char *mine = area + (intptr_t)arg * PAGES * PAGE;
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};

	T_CHECK(sigaltstack(&ss, NULL) == 0);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PAGES; i++) {
			mine[i * PAGE]++;
			if (i % 7 == 0)
				sched_yield();
		}
		T_CHECK(mprotect(mine, PAGES * PAGE, round & 1 ? PROT_NONE : PROT_READ) == 0);
	}
	T_CHECK(repaired == PAGES * ROUNDS);
	return (void *)(intptr_t)interrupted;
}

int main(void)
{
	struct sigaction segv = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	struct sigaction usr1 = {.sa_handler = on_usr1, .sa_flags = SA_RESTART};
	pthread_t th[THREADS];
	void *res;

	T_CHECK(sigaction(SIGSEGV, &segv, NULL) == 0 && sigaction(SIGUSR1, &usr1, NULL) == 0);
	area = mmap(NULL, THREADS * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T_CHECK(area != MAP_FAILED);
	for (intptr_t i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&th[i], NULL, toucher, (void *)i) == 0);
	for (int i = 0; i < 20; i++) {
		int rc;

		usleep(100);
		rc = pthread_kill(th[i % THREADS], SIGUSR1);
		T_CHECK(rc == 0 || rc == ESRCH);
	}
	for (int i = 0; i < THREADS; i++) {
		T_CHECK(pthread_join(th[i], &res) == 0);
		printf("thread %d was interrupted %ld times\n", i, (long)(intptr_t)res);
	}
	printf("%d faults by %lld\n", faults, (long long)t_now_ns(CLOCK_MONOTONIC));
	return 0;
}
