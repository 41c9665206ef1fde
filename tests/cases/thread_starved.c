/*
 * A spinlock whose holder reads the time stamp counter under it, again and again: all its crossings
 * are within. Another thread wants it, too, and has to get it some time, as it does on two processors.
 */
/* SOAK */
/* CFLAGS: -O1 */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include <x86intrin.h>

enum { TURNS = 5 };

static atomic_int lock;
static atomic_int done;

static uint64_t read_locked(void)
{
	uint64_t value;

	while (atomic_exchange(&lock, 1))
		while (atomic_load(&lock))
			_mm_pause();
	value = __rdtsc();
	atomic_store(&lock, 0);
	return value;
}

static void *want(void *arg)
{
	usleep(10000);
	for (int i = 0; i < TURNS; i++) {
		read_locked();
		usleep(500);
	}
	done = 1;
	return arg;
}

int main(void)
{
	volatile uint64_t sum = 0;
	unsigned long rounds = 0;
	pthread_t thread;

	T_CHECK(pthread_create(&thread, NULL, want, NULL) == 0);
	for (; !done; rounds++) {
		read_locked();
		for (int i = 0; i < 300; i++) /* the lock is free most of the time */
			sum += sum ^ (uint64_t)i;
	}
	T_CHECK(pthread_join(thread, NULL) == 0);
	printf("%lu rounds\n", rounds);
	return 0;
}
