/*
 * The recorder: a lock that is taken again at once. Who unlocks it wakes the one who sleeps for it,
 * and has long locked it again when that one comes back for its turn, and so it has as soon as its slice
 * is over, if all its crossings are under the lock. On two processors the other comes in between some
 * time; here it never would. So one that was woken in vain several times, and did nothing but sleep
 * again, is waited for by who wakes it next, before that one goes on.
 *
 * Who wakes it may also wait itself soon, but not before it has taken away what the other was woken
 * for (Go's runtime starts its world and stops it again). That cannot be told from two who hand each other work,
 * which this costs some 150 us. So it is done seldom.
 *
 * Called by boundary_call. No locks.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include "record.h"

enum {
	IN_VAIN = 3,		   /* times in a row */
	PERHAPS_FIRST = 64,	   /* the same, where its turn came at once: a power of two, then twice, ... */
	PERHAPS_EVERY = 512,	   /* ... and from here on every so many */
	LATE_NS = SLICE_NS / 2, /* got its turn so long after it was woken: who woke it went on */
	COMES_NS = 200 * 1000, /* a thread that is woken has come back by then */
};

static bool is_perhaps_in_vain(uint64_t times)
{
	return times % PERHAPS_EVERY == 0 || (times >= PERHAPS_FIRST && times < PERHAPS_EVERY && !(times & (times - 1)));
}

bool fair_enter(struct thread *t, const unsigned long args[6])
{
	unsigned op = (unsigned)args[1] & FUTEX_CMD_MASK;

	if (op == FUTEX_WAKE || op == FUTEX_WAKE_BITSET)
		return RT->futex_wanted && RT->futex_wanted == args[0] && !RT->sandboxed;
	if (op != FUTEX_WAIT && op != FUTEX_WAIT_BITSET)
		return false;
	if (t->futex_at != args[0] || t->futex_pos != t->slot->pos) {
		t->futex_vain = t->futex_quick = 0;
	} else if (t->slice_start_ns < (int64_t)t->futex_ns + LATE_NS) {
		t->futex_vain = 0;
		if (is_perhaps_in_vain(++t->futex_quick))
			RT->futex_wanted = args[0];
	} else if (++t->futex_vain >= IN_VAIN) {
		RT->futex_wanted = args[0];
	}
	t->futex_at = args[0];
	return false;
}

long fair_wake(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	int64_t t0 = dj_now();
	long ret;

	RT->futex_wanted = 0;
	sched_release(t);
	ret = dj_raw6(call->nr, (long)args[0], (long)args[1], (long)args[2], (long)args[3], (long)args[4],
		      (long)args[5]);
	while (ret > 0 && !__atomic_load_n(&RT->sched_owner, __ATOMIC_RELAXED) && dj_now() - t0 < COMES_NS)
		dj_raw(SYS_sched_yield);
	sched_acquire(t);
	record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
	return ret;
}
