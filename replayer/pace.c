/*
 * `deja replay --pace`, `--until` and `--turns`: an event at the head of the stream is not
 * served before its time, or before the gate is past it. Called with the token, so that nothing
 * of this process runs meanwhile; others go on until they come to the gate themselves.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include "pace.h"

enum { CLOCK_MONOTONIC_ID = 1, TIMER_ABSTIME_FLAG = 1 };

static bool is_timed(unsigned id)
{
	switch (id) {
	case TF_EV_IMAGE:
	case TF_EV_SIGNAL:
	case TF_EV_CHILD:
	case TF_EV_EXEC:
	case TF_EV_END:
	case TF_EV_START:
	case TF_EV_PREEMPT:
		return true;
	}
	return id >= TF_ID_FIRST && id != ~0u;
}

/* The time in the slot becomes that of the event's completion, once. */
static void count_time(struct slot *slot, const struct event *ev)
{
	struct tf_in in = ev->in;

	if (slot->time_pos == RT->stream_pos + 1)
		return;
	slot->time_pos = RT->stream_pos + 1;
	if (!is_timed(ev->id))
		return;
	slot->last_time_ns += tf_get_int(&in);
	if (ev->id >= TF_ID_FIRST)
		slot->last_time_ns += tf_get_int(&in); /* dur */
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
		__atomic_store_n(&slot->gated, 1, __ATOMIC_SEQ_CST);
		dj_raw(SYS_futex, &s->gate_seq, FUTEX_WAIT, seq, &step);
	}
	__atomic_store_n(&slot->gated, 0, __ATOMIC_SEQ_CST);
}

void pace_reached(struct thread *t, const struct event *ev)
{
	struct session *s = RT->session;
	struct slot *slot = t->slot;

	count_time(slot, ev);
	slot->pacing = 1;
	wait_at_gate(s, slot);
	if (s->pace) {
		int64_t due = s->pace_start_ns + slot->last_time_ns / 1000 * (int64_t)s->pace;
		struct k_timespec at = {due / 1000000000, due % 1000000000};

		while (dj_raw(SYS_clock_nanosleep, CLOCK_MONOTONIC_ID, TIMER_ABSTIME_FLAG, &at, 0) == -4)
			due = s->pace_start_ns + slot->last_time_ns / 1000 * (int64_t)s->pace;
	}
	slot->pacing = 0;
}
