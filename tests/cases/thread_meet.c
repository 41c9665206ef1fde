/*
 * Threads that meet again and again in loops without PAUSE, as some programs' barriers do: in a loop on one
 * word, in one that sums up what all have said, in one that takes a lock by an exchange. Stopped by force at
 * each meeting they would crawl (cli/spin_stops).
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 3, ROUNDS = 150 };

static volatile int round_now, arrived[THREADS];
static volatile uint64_t racy;
static atomic_int lock;
static uint64_t order = 1, seed;

static void work(uint64_t who, uint64_t round)
{
	/* who comes first is anybody's */
	racy = racy * 31 + who + (seed >> round % 32);
	while (atomic_exchange(&lock, 1))
		;
	order = order * 1000003 + who;
	atomic_store(&lock, 0);
}

static void *follow(void *arg)
{
	int me = (int)(intptr_t)arg, round = 0;

	while (round < ROUNDS) {
		while (round_now == round)
			;
		work((uint64_t)me, (uint64_t)++round);
		arrived[me] = round;
	}
	return NULL;
}

int main(void)
{
	pthread_t th[THREADS];

	seed = t_seed();
	for (int i = 1; i < THREADS; i++)
		T_CHECK(pthread_create(&th[i], NULL, follow, (void *)(intptr_t)i) == 0);
	for (int round = 1; round <= ROUNDS; round++) {
		int sum;

		round_now = round;
		work(0, (uint64_t)round);
		arrived[0] = round;
		do {
			sum = 0;
			for (int i = 0; i < THREADS; i++)
				sum += arrived[i];
		} while (sum < round * THREADS);
	}
	for (int i = 1; i < THREADS; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	printf("racy %016lx, order %016lx\n", racy, order);
	return 0;
}
