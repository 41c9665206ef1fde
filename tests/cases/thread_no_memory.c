/*
 * Threads that ask for memory again and again until another has given its own back, which sleeps meanwhile: who
 * asks in vain gives others a turn. (Each asked for the whole of its turn: 2,400 rounds took more than a minute.)
 */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { THREADS = 4, ROUNDS = 600, PIECE_LEN = 1 << 30 };

static int vain[THREADS];

static void *run(void *arg)
{
	int *mine = arg;
	struct timespec step = {0, 1000};
	char *piece;

	for (int i = 0; i < ROUNDS; i++) {
		while ((piece = mmap(NULL, PIECE_LEN, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) == MAP_FAILED)
			++*mine;
		*piece = 1;
		nanosleep(&step, NULL);
		T_CHECK(munmap(piece, PIECE_LEN) == 0);
	}
	return NULL;
}

int main(void)
{
	struct rlimit limit = {PIECE_LEN + PIECE_LEN / 2, RLIM_INFINITY};
	pthread_t thread[THREADS];

	T_CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (int i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&thread[i], NULL, run, &vain[i]) == 0);
	for (int i = 0; i < THREADS; i++)
		T_CHECK(pthread_join(thread[i], NULL) == 0);
	printf("in vain:");
	for (int i = 0; i < THREADS; i++)
		printf(" %d", vain[i]);
	printf(", at %lld\n", (long long)t_now_ns(CLOCK_MONOTONIC));
	return 0;
}
