/*
 * The recorder: when a thread's turn ends. Around a call that may wait it is given away, and taken
 * again before anything is written of the call; and a thread that does not wait gives others a turn
 * when it has had its own for long.
 */
#include <sys/syscall.h>
#include "record.h"

long record_wait(struct thread *t, long nr, const unsigned long args[6])
{
	long ret;

	if (record_alone())
		return dj_raw_wait(nr, args);
	if (nr == SYS_sched_yield && record_yield(t))
		return 0;
	if (RT->crowded_until_ns && !RT->domains && crowd_call(t, nr, args, &ret))
		return ret;
	sched_release(t);
	ring_kick_aside(t->slot);
	ret = dj_raw_wait(nr, args);
	if (nr == SYS_futex)
		t->futex_ns = (uint64_t)dj_now();
	if (RT->multi && RT->sched_owner)
		crowd_meet();
	sched_acquire(t);
	return ret;
}

/* A thread that crosses without ever waiting must not starve the others. */
bool record_share_at(struct thread *t, int64_t now)
{
	if (!(RT->sched_waiting | RT->domains) || now - t->slice_start_ns < SLICE_NS ||
	    !sched_wanted(t))
		return false;
	sched_release(t);
	sched_acquire(t);
	return true;
}
