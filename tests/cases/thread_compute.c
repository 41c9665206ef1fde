/*
 * Threads that compute without a call, with data races on what they share: stopped by force so
 * that all of them go on. Their result depends on every switch from one to another, and differs
 * from run to run.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>

enum { THREADS = 4 };

static volatile unsigned long shared;
static unsigned long mixed[THREADS];
static unsigned values[THREADS][4096];
static volatile int go;

static void *mix(void *arg)
{
	unsigned long id = (unsigned long)arg, x = id;

	while (!go)
		;
	for (long i = 0; i < 10 * 1000 * 1000; i++) {
		unsigned long s = shared;

		x = x * 6364136223846793005u + s;
		shared = s + id + 1;
	}
	mixed[id] = x;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	shared += x ^ y;
	return x < y ? -1 : x > y;
}

static void *sort(void *arg)
{
	unsigned long id = (unsigned long)arg;

	for (int round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 4096; i++)
			values[id][i] = (unsigned)(shared * 2654435761u >> 7) ^ i * 40503u;
		qsort(values[id], 4096, sizeof(values[id][0]), compare);
	}
	mixed[id] = t_hash(values[id], sizeof(values[id]));
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	void *(*const work[2])(void *) = {mix, sort};

	for (int w = 0; w < 2; w++) {
		go = 0;
		for (unsigned long i = 0; i < THREADS; i++)
			T_CHECK(pthread_create(&t[i], NULL, work[w], (void *)i) == 0);
		go = 1;
		for (int i = 0; i < THREADS; i++)
			T_CHECK(pthread_join(t[i], NULL) == 0);
		printf("%016lx:", shared);
		for (int i = 0; i < THREADS; i++)
			printf(" %016lx", mixed[i]);
		printf("\n");
	}
	return 0;
}
