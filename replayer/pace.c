/*
 * `deja replay --pace`, `--until` and `--turns`: an event at the head of the stream is not
 * served before its time, or before the gate is past it. Called with the token, so that nothing
 * of this process runs meanwhile; others go on until they come to the gate themselves.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include "pace.h"

enum {
	CLOCK_MONOTONIC_ID = 1,
	TIMER_ABSTIME_FLAG = 1,
	DELAY_NS = 50 * 1000 * 1000,
	STEP_NS = 500 * 1000 * 1000,
};

/* The time in the slot becomes that of the event's completion, once. */
static void count_time(struct slot *slot, const struct event *ev)
{
	struct tf_in in = ev->in;
	uint64_t time_ns = (uint64_t)slot->last_time_ns; /* hostile sums wrap */

	if (slot->time_pos == RT->stream_pos + 1)
		return;
	slot->time_pos = RT->stream_pos + 1;
	if (ev->id >= TF_ID_FIRST && ev->id != ~0u)
		time_ns += (uint64_t)tf_get_int(&in) + (uint64_t)tf_get_int(&in); /* dt, dur */
	else if (tf_event_is_timed(ev->id))
		time_ns += (uint64_t)tf_get_int(&in);
	slot->last_time_ns = (int64_t)time_ns;
}

static bool behind_gate(const struct session *s, const struct slot *slot)
{
	return slot->last_time_ns > __atomic_load_n(&s->gate_ns, __ATOMIC_SEQ_CST) ||
	       (slot->stream == __atomic_load_n(&s->gate_stream, __ATOMIC_SEQ_CST) &&
		RT->event_no + 1 >= s->gate_event);
}

static void wait_at_gate(struct session *s, struct slot *slot)
{
	struct k_timespec step = {0, 100 * 1000 * 1000};

	for (;;) {
		uint32_t seq = __atomic_load_n(&s->gate_seq, __ATOMIC_SEQ_CST);

		if (!behind_gate(s, slot))
			break;
		halt_if_over(s);
		__atomic_store_n(&slot->gated, 1, __ATOMIC_SEQ_CST);
		dj_raw(SYS_futex, &s->gate_seq, FUTEX_WAIT, seq, &step);
	}
	__atomic_store_n(&slot->gated, 0, __ATOMIC_SEQ_CST);
}

/* Under a debugger nobody catches up on the time that it was stopped. */
static void forgive_delay(struct session *s, int64_t due)
{
	struct k_timespec now;
	int64_t late;

	dj_raw(SYS_clock_gettime, CLOCK_MONOTONIC_ID, &now);
	late = now.sec * 1000000000 + now.nsec - due;
	if (late > DELAY_NS)
		__atomic_fetch_add(&s->pace_start_ns, late, __ATOMIC_SEQ_CST);
}

void pace_reached(struct thread *t, const struct event *ev)
{
	struct session *s = RT->session;
	struct slot *slot = t->slot;

	count_time(slot, ev);
	slot->pacing = 1;
	wait_at_gate(s, slot);
	/* in steps: the start moves on while somebody pauses the replay, which may also be over */
	for (; s->pace; halt_if_over(s)) {
		struct k_timespec at;
		int64_t now, due;

		due = s->pace_start_ns + (int64_t)((uint64_t)slot->last_time_ns / 1000 * s->pace);
		if (s->hold_stream)
			forgive_delay(s, due);
		dj_raw(SYS_clock_gettime, CLOCK_MONOTONIC_ID, &at);
		now = at.sec * 1000000000 + at.nsec;
		if (due <= now)
			break;
		if (due > now + STEP_NS)
			due = now + STEP_NS;
		at = (struct k_timespec){due / 1000000000, due % 1000000000};
		dj_raw(SYS_clock_nanosleep, CLOCK_MONOTONIC_ID, TIMER_ABSTIME_FLAG, &at, 0);
	}
	slot->pacing = 0;
}
