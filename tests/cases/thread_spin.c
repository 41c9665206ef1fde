/*
 * Threads that spin without ever crossing while another has to run: a plain flag, an atomic one,
 * and spinlocks whose owner sleeps, the program's own and libpthread's. Recording must not hang,
 * and the replay stops each spin where the recording did.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <stdatomic.h>

enum { ROUNDS = 3 };

static volatile int flag;
static atomic_int raised, lock;
static pthread_spinlock_t spinlock;
static long holders[4 * ROUNDS];
static int held;

static void *raise_flag(void *arg)
{
	usleep(1000);
	flag = 1;
	usleep(1000);
	atomic_store_explicit(&raised, 1, memory_order_release);
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
	for (int i = 0; i < ROUNDS; i++) {
		T_CHECK(pthread_spin_lock(&spinlock) == 0);
		usleep(500);
		holders[held++] = (long)(intptr_t)arg;
		T_CHECK(pthread_spin_unlock(&spinlock) == 0);
	}
	return NULL;
}

int main(void)
{
	pthread_t a, b;

	T_CHECK(pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE) == 0);
	T_CHECK(pthread_create(&a, NULL, raise_flag, NULL) == 0);
	while (!flag)
		;
	while (!atomic_load_explicit(&raised, memory_order_acquire))
		;
	T_CHECK(pthread_join(a, NULL) == 0);
	T_CHECK(pthread_create(&a, NULL, take_lock, (void *)1) == 0);
	T_CHECK(pthread_create(&b, NULL, take_lock, (void *)2) == 0);
	T_CHECK(pthread_join(a, NULL) == 0 && pthread_join(b, NULL) == 0);
	T_CHECK(held == 4 * ROUNDS);
	printf("%016lx:", t_seed());
	for (int i = 0; i < held; i++)
		printf(" %ld", holders[i]);
	printf("\n");
	return 0;
}
