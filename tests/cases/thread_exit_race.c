/*
 * Threads that write while one of them ends the process: what came out before it ended is what
 * comes out again.
 */
/* SOAK */
/* LDLIBS: -lpthread */
/* STATUS: 7 */
#include "victim.h"
#include <pthread.h>

enum { WRITERS = 6, LINES = 200 };

static pthread_barrier_t together;

static void *writer(void *arg)
{
	long k = (long)(intptr_t)arg;

	pthread_barrier_wait(&together);
	for (int i = 0; i < LINES; i++) {
		T_CHECK(dprintf(1, "thread %ld line %d\n", k, i) > 0);
		if (k >= 2 && k <= 3 && i == 100 + getpid() % 7) {
			if (k == 2)
				exit(7);
			_exit(7);
		}
	}
	return NULL;
}

int main(void)
{
	pthread_t th[WRITERS];

	T_CHECK(dprintf(1, "process %d\n", getpid()) > 0);
	T_CHECK(pthread_barrier_init(&together, NULL, WRITERS) == 0);
	for (intptr_t i = 0; i < WRITERS; i++)
		T_CHECK(pthread_create(&th[i], NULL, writer, (void *)i) == 0);
	for (int i = 0; i < WRITERS; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	return 7;
}
