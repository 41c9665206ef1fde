/*
 * More System V segments than a table holds that somebody thought large enough: attached at once, given
 * back, and others in their place.
 */
#include "victim.h"
#include <sys/ipc.h>
#include <sys/shm.h>

enum { COUNT = 300, LEN = 4096 };

int main(void)
{
	static uint64_t *at[COUNT];
	uint64_t sum = 0;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < COUNT; i++) {
			int id = shmget(IPC_PRIVATE, LEN, IPC_CREAT | 0600);

			T_CHECK(id >= 0);
			at[i] = shmat(id, round ? at[i] : NULL, 0);
			T_CHECK(shmctl(id, IPC_RMID, NULL) == 0 && at[i] != (void *)-1);
			T_CHECK(*at[i] == 0);
			*at[i] = t_seed() + (uint64_t)i;
		}
		for (int i = 0; i < COUNT; i++) {
			sum = sum * 31 + *at[i];
			T_CHECK(shmdt(at[i]) == 0);
		}
	}
	printf("%d segments, %016lx\n", COUNT, sum);
	return 0;
}
