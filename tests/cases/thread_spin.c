/*
 * Threads that spin without ever crossing while another has to run: a plain flag, and
 * spinlocks whose owner sleeps. Recording must not hang, and the replay stops each spin
 * where the recording did.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <stdatomic.h>

enum { ROUNDS = 3 };

static volatile int flag;
static atomic_int lock;
static long holders[2 * ROUNDS];
static int held;

static void *raise_flag(void *arg)
{
	usleep(1000);
	flag = 1;
	return NULL;
}

static void *take_lock(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		while (atomic_exchange(&lock, 1))
			;
		usleep(500);
		holders[held++] = (long)(intptr_t)arg;
		atomic_store(&lock, 0);
	}
	return NULL;
}

int main(void)
{
	pthread_t a, b;

	T_CHECK(pthread_create(&a, NULL, raise_flag, NULL) == 0);
	while (!flag)
		;
	T_CHECK(pthread_join(a, NULL) == 0);
	T_CHECK(pthread_create(&a, NULL, take_lock, (void *)1) == 0);
	T_CHECK(pthread_create(&b, NULL, take_lock, (void *)2) == 0);
	T_CHECK(pthread_join(a, NULL) == 0 && pthread_join(b, NULL) == 0);
	T_CHECK(held == 2 * ROUNDS);
	printf("%016lx:", t_seed());
	for (int i = 0; i < held; i++)
		printf(" %ld", holders[i]);
	printf("\n");
	return 0;
}
