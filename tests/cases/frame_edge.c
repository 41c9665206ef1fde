/*
 * Calls whose results lie in two events, so many of them that frames of the stream begin between
 * the two: what a call wrote beyond its arguments belongs to it there, too.
 */
#include "victim.h"
#include <sys/sem.h>

enum { CALLS = 150000 };

int main(void)
{
	uint16_t value[2];
	int id = semget(IPC_PRIVATE, 2, 0600);
	uint64_t sum = 0;

	if (id < 0) {
		printf("skip: no System V semaphores (errno %d)\n", errno);
		return 77;
	}
	srand((unsigned)t_now_ns(CLOCK_REALTIME));
	for (int i = 0; i < CALLS; i++) {
		if (i % 64 == 0)
			T_CHECK(semctl(id, 1, SETVAL, rand() % 30000) == 0);
		T_CHECK(semctl(id, 0, GETALL, value) == 0);
		sum = sum * 31 + value[1];
	}
	T_CHECK(semctl(id, 0, IPC_RMID) == 0);
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
