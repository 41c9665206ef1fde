/*
 * The number of the processor that a thread runs on, by every way there is: sched_getcpu, the
 * vDSO's and the kernel's getcpu, the rseq area that libc shares with the kernel. In threads that
 * are moved about while others run.
 */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sched.h>
#include <stddef.h>

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

enum { THREADS = 3, ROUNDS = 40 };

struct seen {
	uint64_t mixed;
	unsigned last, moves;
};

static int rseq_cpu(void)
{
	if (!&__rseq_offset || !&__rseq_size || !__rseq_size)
		return -2;
	return *(volatile int *)((char *)__builtin_thread_pointer() + __rseq_offset + 4);
}

static void look(struct seen *s)
{
	unsigned cpu = ~0u, node = ~0u, by_call = ~0u;
	int a = sched_getcpu(), rseq = rseq_cpu();

	T_CHECK(a >= 0 && getcpu(&cpu, &node) == 0);
	T_CHECK(syscall(SYS_getcpu, &by_call, NULL, NULL) == 0);
	T_CHECK(rseq == -2 || (rseq >= 0 && rseq < CPU_SETSIZE));
	s->mixed = s->mixed * 1000003 + (unsigned)a * 64 + cpu * 8 + node * 4 + by_call;
	s->moves += by_call != s->last;
	s->last = by_call;
}

static void *wander(void *arg)
{
	struct seen *s = arg;
	cpu_set_t all, one;
	int count = 0, cpus[CPU_SETSIZE];

	T_CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			cpus[count++] = i;
	for (int i = 0; i < ROUNDS; i++) {
		CPU_ZERO(&one);
		CPU_SET(cpus[(size_t)(getpid() + i * 7 + (int)t_now_ns(CLOCK_MONOTONIC)) % (size_t)count], &one);
		T_CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
		look(s);
		T_CHECK(CPU_ISSET((int)s->last, &one));
		T_CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
		look(s);
	}
	return NULL;
}

int main(void)
{
	struct seen seen[THREADS + 1] = {0};
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&t[i], NULL, wander, &seen[i]) == 0);
	wander(&seen[THREADS]);
	for (int i = 0; i < THREADS; i++)
		T_CHECK(pthread_join(t[i], NULL) == 0);
	for (int i = 0; i <= THREADS; i++)
		printf("%016llx moved %u\n", (unsigned long long)seen[i].mixed, seen[i].moves);
	printf("pid %d\n", getpid());
	return 0;
}
