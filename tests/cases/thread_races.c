/*
 * Without locks: a CAS stack, a counter that is deliberately racy, addresses from malloc in
 * many threads with frees in others. The totals and the addresses differ from run to run;
 * a replay must print the same.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sched.h>

enum { THREADS = 8, ROUNDS = 400, ALLOC_THREADS = 64, BLOCKS = 12 };

struct node {
	struct node *next;
	int who, round;
};

static struct node nodes[THREADS][ROUNDS], *top;
static volatile long racy;
static void *mailbox[ALLOC_THREADS];
static uint64_t hash = 0xcbf29ce484222325u;

static void *pusher(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct node *n = &nodes[me][i];

		n->who = me;
		n->round = i;
		n->next = __atomic_load_n(&top, __ATOMIC_RELAXED);
		while (!__atomic_compare_exchange_n(&top, &n->next, n, true, __ATOMIC_RELEASE,
						    __ATOMIC_RELAXED))
			;
		if (i % 32 == me)
			sched_yield();
		if (i % 128 == me)
			usleep(20);
	}
	return NULL;
}

static void *racer(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		long seen = racy;

		if (i % 10 == 0)
			sched_yield();
		racy = seen + 1;
	}
	return NULL;
}

static void *allocator(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < BLOCKS; i++) {
		size_t len = (size_t)(me * 97 + i * 1009) % 5000 + 1;
		char *p = malloc(len), *old;

		T_CHECK(p);
		memset(p, me, len);
		hash = (hash ^ (uintptr_t)p) * 0x100000001b3u;
		old = __atomic_exchange_n(&mailbox[(me + i) % ALLOC_THREADS], p,
					  __ATOMIC_ACQ_REL);
		free(old);
		if (i % 4 == 0)
			usleep(10);
	}
	return malloc(100);
}

static void run(int count, void *(*fn)(void *), bool show)
{
	pthread_t th[ALLOC_THREADS];

	for (intptr_t i = 0; i < count; i++)
		T_CHECK(pthread_create(&th[i], NULL, fn, (void *)i) == 0);
	for (int i = 0; i < count; i++) {
		void *res;

		T_CHECK(pthread_join(th[i], &res) == 0);
		if (show)
			printf("%p ", res);
	}
}

int main(void)
{
	uint64_t sum = 0;
	int depth = 0;

	run(THREADS, pusher, false);
	for (struct node *n = top; n; n = n->next, depth++)
		sum = (sum ^ (uint64_t)(n->who * 1000 + n->round)) * 0x100000001b3u;
	T_CHECK(depth == THREADS * ROUNDS);
	printf("stack %016llx\n", (unsigned long long)sum);
	run(THREADS, racer, false);
	printf("racy %ld of %d\n", racy, THREADS * ROUNDS);
	run(ALLOC_THREADS, allocator, true);
	printf("\nblocks %016llx\n", (unsigned long long)hash);
	printf("%lld\n", (long long)t_now_ns(CLOCK_MONOTONIC));
	return 0;
}
