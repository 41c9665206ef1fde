/*
 * The replayer: PAUSE (preload/recorder/pause.c). At the one that the stream names this thread's turn
 * ends, or a signal comes. The counts are compared at each, and a loop has millions: the head is
 * looked at once for each of its places.
 */
#include "replay.h"
#include "preload/preempt.h"

/* The count at which this thread's turn ends, as the head has it; 0: something else comes next. */
static uint64_t due_at_head(const struct thread *t)
{
	int64_t tid;
	struct event ev = head_look(&tid);

	if (tid != t->tid || ev.id != TF_EV_INSN || tf_get_int(&ev.in) != ORACLE_PAUSE)
		return 0;
	return t->pauses_told + (uint64_t)tf_get_int(&ev.in);
}

bool boundary_pause(struct thread *t)
{
	struct event ev;
	bool for_others;

	t->pauses++;
	if (RT->pause_looked != RT->stream_pos || RT->pause_thread != t) {
		RT->pause_due = due_at_head(t);
		RT->pause_looked = RT->stream_pos;
		RT->pause_thread = t;
	}
	if (t->pauses != RT->pause_due)
		return false;
	ev = turn_wait(t);
	tf_get_int(&ev.in); /* the instruction */
	tf_get_int(&ev.in); /* the count */
	for_others = tf_get_int(&ev.in) == 1;
	t->pauses_told = t->pauses;
	head_take(t, &ev);
	if (for_others)
		turn_wait_any(t);
	return boundary_signal_due(t);
}

int64_t boundary_patience_ns(const struct thread *t)
{
	return PREEMPT_AFTER_NS; /* nobody is stopped here */
}

bool pause_is_due(const struct event *ev)
{
	struct tf_in in = ev->in;

	return ev->id == TF_EV_INSN && tf_get_int(&in) == ORACLE_PAUSE;
}
