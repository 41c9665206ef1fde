/*
 * The recorder: memory that a call has written and its row cannot name, as MEMORY events behind the call's own.
 */
#include <sys/syscall.h>
#include <sys/sem.h>
#include "record.h"
#include "preload/beside.h"

void record_memory_at(struct slot *slot, uint64_t addr, const void *bytes, size_t len)
{
	uint8_t buf[32], *p = buf;

	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_MEMORY);
	p = tf_put_uint(p, addr);
	p = tf_put_bin(p, (uint32_t)len);
	ring_put(slot, buf, (size_t)(p - buf));
	ring_put(slot, bytes, len);
	ring_commit(slot);
}

void record_memory(struct slot *slot, const void *mem, size_t len)
{
	record_memory_at(slot, (uint64_t)mem, mem, len);
}

void record_beside(struct slot *slot, long nr, const unsigned long args[6])
{
	struct memory_room wrote = memory_beside(nr, args, true);

	if (wrote.len)
		record_memory(slot, (const void *)wrote.addr, wrote.len);
}

void record_semaphores(struct slot *slot, const unsigned long args[6])
{
	struct semid_ds ds;

	if (!dj_raw(SYS_semctl, args[0], 0, IPC_STAT, &ds))
		record_memory(slot, (const void *)args[3], ds.sem_nsems * sizeof(uint16_t));
}
