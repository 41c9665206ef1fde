/*
 * How many semaphores a System V set has: semctl(GETALL) writes as many, wherever the program has
 * room for them, and a recording is not to write more. A set never changes its size. So it is known
 * of one that this process (or the one that it was forked from) has made, by the number that the
 * program asked for; else by what IPC_STAT has told it, which is what it can have made room by.
 * Whoever has done neither knows the number from elsewhere, a constant or an argument, and so cannot
 * we: then it is what the kernel lets a set have.
 */
#include <sys/syscall.h>
#include <linux/sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <stddef.h>
#include "replay.h"

enum { SEMAPHORES_MAX = 65536, SEMAPHORE_LEN = 2 };

static struct semaphore_set *find(int32_t id)
{
	for (unsigned i = 0; i < SEMAPHORE_SET_MAX; i++)
		if (RT->semaphore_sets[i].count && RT->semaphore_sets[i].id == id)
			return &RT->semaphore_sets[i];
	return NULL;
}

/* Ids are given once in a namespace, for as long as matters here: a second number for one is somebody's
 * attempt, and the smaller holds. */
static void learn(int32_t id, uint64_t count)
{
	struct semaphore_set *set = find(id);

	if (!count || count > SEMAPHORES_MAX || (set && set->count <= count))
		return;
	if (!set)
		set = &RT->semaphore_sets[RT->semaphore_set_next++ % SEMAPHORE_SET_MAX];
	*set = (struct semaphore_set){id, (uint32_t)count};
}

void semaphores_forget(void)
{
	for (unsigned i = 0; i < SEMAPHORE_SET_MAX; i++)
		RT->semaphore_sets[i].count = 0;
}

void semaphores_see(long nr, const unsigned long args[6], long result)
{
	uint64_t count;

	switch (nr) {
	case SYS_semget:
		if ((int32_t)args[0] == IPC_PRIVATE ||
		    (args[2] & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
			learn((int32_t)result, (uint32_t)args[1]);
		return;
	case SYS_semctl:
		if ((int)args[2] == IPC_STAT &&
		    dj_read_user(&count, (const void *)(args[3] + offsetof(struct semid_ds, sem_nsems)),
				 sizeof(count)))
			learn((int32_t)args[0], count);
		return;
	case SYS_unshare:
		if (args[0] & CLONE_NEWIPC)
			semaphores_forget();
		return;
	case SYS_setns:
		semaphores_forget();
		return;
	}
}

uint32_t semaphores_room(int32_t id)
{
	const struct semaphore_set *set = find(id);

	return (set ? set->count : SEMAPHORES_MAX) * SEMAPHORE_LEN;
}
