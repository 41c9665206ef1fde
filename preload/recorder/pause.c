/*
 * The recorder: PAUSE (oracle.h). A loop with PAUSE waits for another thread, which cannot run
 * before this one's turn has ended. So the turn ends there at once, where somebody wants it: an
 * INSN event says at which PAUSE since the last such event, and the replay counts as far. Nothing
 * is stopped, stepped or compared (preempt.c), and a signal is delivered there as well.
 *
 * A lock's holder may come to a crossing only while it holds the lock (one that reads the time stamp
 * counter under it, again and again). Who spins for it then has its turns only when the lock is taken. So
 * who has had many turns in vain has the holder stopped at any instruction.
 *
 * Where all who want the turn wait in such loops themselves, it could go round among them for ever,
 * thousands of times in a millisecond. That is told by their coming back to a PAUSE at once; then
 * the turns become longer.
 */
#include <sys/syscall.h>
#include "record.h"
#include "preload/preempt.h"

enum {
	YIELD_EVERY = 256, /* PAUSEs for which nobody wanted the turn */
	AT_ONCE_NS = 500,
	ROUNDS_IN_VAIN = 4, /* of all who wait */
	PATIENCE = 256, /* turns in vain; less where stopping has helped */
	STOP_NS = 1000 * 1000, /* at a random time before, less than a slice */
	HELD_BACK_NS = 20 * 1000, /* a few hand-overs: those may be quick, not in vain */
};

/* How long the turn lasts after so many that were in vain. */
static int64_t held_back_ns(void)
{
	return RT->pauses_in_vain / (RT->sched_waiting + 1) < ROUNDS_IN_VAIN ? 0 : HELD_BACK_NS;
}

/* Whether the turn ends here for others. */
static bool gives_way(struct thread *t)
{
	int64_t now;

	if (t->pause_yielded) { /* a loop that does both: once a round is enough */
		t->pause_yielded = false;
		return false;
	}
	if (!sched_wanted(t))
		return false;
	if (RT->sched_waiting > RT->sched_pausing) /* somebody who does not wait in such a loop */
		return true;
	now = dj_now();
	if (t->pause_resumed_ns) {
		RT->pauses_in_vain = now - t->pause_resumed_ns < AT_ONCE_NS ? RT->pauses_in_vain + 1 : 0;
		t->pause_resumed_ns = 0;
		RT->pause_from_ns = now + held_back_ns();
	} else if (!t->pause_held_back) {
		RT->pauses_in_vain = 0;
		RT->pause_from_ns = 0;
	}
	t->pause_held_back = now < RT->pause_from_ns;
	return !t->pause_held_back;
}

bool record_yield(struct thread *t)
{
	if (!sched_wanted(t))
		return false;
	sched_go_round(t);
	t->pause_yielded = true;
	return true;
}

int64_t boundary_patience_ns(const struct thread *t)
{
	if (t->pause_vain <= t->pause_patience)
		return t->pause_waits ? PREEMPT_PAUSED_NS : PREEMPT_AFTER_NS;
	return (int64_t)((uint64_t)dj_now() * 0x9e3779b97f4a7c15ull >> 32) % STOP_NS;
}

void record_spun(struct thread *t)
{
	bool got_on = t->slot->pos != t->pause_pos;

	if (!t->pause_patience)
		t->pause_patience = PATIENCE;
	if (t->pause_asked)
		t->pause_patience = got_on		      ? t->pause_patience / 4 + 1
				    : t->pause_patience < PATIENCE ? t->pause_patience * 2
								  : PATIENCE;
	t->pause_vain = got_on || t->pause_asked ? 0 : t->pause_vain + 1;
	t->pause_asked = false;
}

bool boundary_pause(struct thread *t)
{
	bool for_others;

	t->pauses++;
	if (RT->passthrough || !(t->pending || gives_way(t))) {
		/* whom it waits for is in a call, and may need this processor to come back */
		if (t->pauses % YIELD_EVERY == 0 && RT->multi && !RT->sandboxed)
			dj_raw(SYS_sched_yield);
		else
			__builtin_ia32_pause();
		return false;
	}
	for_others = !t->pending;
	record_spun(t);
	record_thread_switch(t);
	record_insn(t, ORACLE_PAUSE, t->pauses - t->pauses_told, for_others);
	t->pauses_told = t->pauses;
	if (!for_others)
		return true;
	t->pause_waits = true;
	sched_go_round(t);
	t->pause_waits = false;
	t->pause_resumed_ns = dj_now();
	record_runs(t);
	t->pause_pos = t->slot->pos;
	return t->pending;
}
