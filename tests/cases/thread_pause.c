/*
 * Threads that hand over by loops with PAUSE, as OpenMP's, TBB's and spinlocks do: a barrier that
 * spins for a counted while before it sleeps, one whose rounds back off by loops within loops, a
 * ticket lock, and loops whose every round is like the other. They are stopped much sooner than
 * others, and after fewer steps.
 */
/* CFLAGS: -O2 */
/* LDLIBS: -lpthread */
/* SOAK */
#include "victim.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { THREADS = 3, ROUNDS = 12 };

static atomic_int generation, arrived, ticket, serving, flag[THREADS];
static unsigned long spun[THREADS], order;
static volatile unsigned long work;

#define PAUSE() __asm__ volatile("pause" : : : "memory")

/* As libgomp's: so many rounds, then it sleeps. */
static void barrier(int self)
{
	int g = atomic_load(&generation);

	if (atomic_fetch_add(&arrived, 1) == THREADS - 1) {
		atomic_store(&arrived, 0);
		atomic_fetch_add(&generation, 1);
		syscall(SYS_futex, &generation, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0);
		return;
	}
	for (unsigned long i = 0; i < 300000; i++) {
		if (atomic_load_explicit(&generation, memory_order_acquire) != g) {
			spun[self] += i;
			return;
		}
		PAUSE();
	}
	while (atomic_load(&generation) == g)
		syscall(SYS_futex, &generation, FUTEX_WAIT_PRIVATE, g, NULL, NULL, 0);
}

/* Backs off: loops within loops, whose inner ones are all alike. */
static void lock(int self)
{
	int mine = atomic_fetch_add(&ticket, 1);

	for (unsigned k = 1; atomic_load_explicit(&serving, memory_order_acquire) != mine; k = k < 64 ? 2 * k : 1) {
		for (unsigned i = 0; i < k; i++)
			PAUSE();
		spun[self]++;
	}
}

static void unlock(void) { atomic_fetch_add_explicit(&serving, 1, memory_order_release); }

static void *thread(void *arg)
{
	int self = (int)(long)arg, next = (self + 1) % THREADS;

	for (int r = 0; r < ROUNDS; r++) {
		barrier(self);
		lock(self);
		order = order * 31 + (unsigned long)self;
		for (int i = 0; i < 20000; i++)
			work += (unsigned long)i;
		unlock();
	}
	for (int r = 0; r < ROUNDS; r++) { /* every round is like the other */
		while (!atomic_load_explicit(&flag[self], memory_order_acquire))
			PAUSE();
		order = order * 31 + (unsigned long)self;
		atomic_store(&flag[self], 0);
		atomic_store_explicit(&flag[next], 1, memory_order_release);
	}
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&t[i], NULL, thread, (void *)i) == 0);
	atomic_store(&flag[0], 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("%d: order %lx, rounds %lu %lu %lu\n", (int)getpid(), order, spun[0], spun[1], spun[2]);
	return 0;
}
