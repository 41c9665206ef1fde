/*
 * Processes that share anonymous memory and spin on it: parent and child hand an atomic
 * flag to and fro, and count on one counter without any lock, so that the total differs
 * from run to run. Shows that they run in turns, in the recorded order, and that one that
 * spins is stopped for the other.
 */
/* SOAK */
#include "victim.h"
#include <sys/mman.h>

enum { ROUNDS = 20, ADDS = 5000, CHILDREN = 3 };

struct shared {
	_Atomic int flag;
	volatile long counter;
	_Atomic int started;
	long log[ROUNDS];
};

static void ping_pong(struct shared *s)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		for (int i = 0; i < ROUNDS; i++) {
			while (s->flag != 2 * i + 1)
				;
			s->log[i] = (long)t_now_ns(CLOCK_REALTIME);
			s->flag = 2 * i + 2;
		}
		_exit(0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		s->flag = 2 * i + 1;
		while (s->flag != 2 * i + 2)
			;
		T_CHECK(s->log[i] > 0);
	}
	t_wait_exit(pid, 0);
	printf("handed over %d times, last at %ld\n", s->flag, s->log[ROUNDS - 1]);
}

static void racy(struct shared *s)
{
	pid_t pid[CHILDREN];

	for (int c = 0; c < CHILDREN; c++) {
		pid[c] = t_fork();
		if (pid[c])
			continue;
		s->started++;
		for (int i = 0; i < ADDS; i++) {
			long seen = s->counter;

			if (i % 100 == 0)
				usleep(1);
			s->counter = seen + 1;
		}
		_exit(0);
	}
	for (int c = 0; c < CHILDREN; c++)
		t_wait_exit(pid[c], 0);
	T_CHECK(s->started == CHILDREN && s->counter >= ADDS && s->counter <= CHILDREN * ADDS);
	printf("counted %ld of %d\n", s->counter, CHILDREN * ADDS);
}

int main(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	T_CHECK(s != MAP_FAILED);
	ping_pong(s);
	racy(s);
	return 0;
}
