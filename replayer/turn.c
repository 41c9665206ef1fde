/*
 * The schedule of a replay: whose event is at the head of the stream, runs. Every thread
 * comes here at each of its crossings; the recorded order of events is the order in
 * which the token goes round.
 */
#include <sys/syscall.h>
#include "replay.h"

static struct thread *owner_of_head(struct thread *t)
{
	struct thread *to = thread_by_tid((int32_t)RT->replay_tid);

	if (!to)
		diverge(t, DIVERGED_OTHER, -1, NULL,
			"the next event belongs to a thread that does not exist here");
	return to;
}

struct event turn_wait(struct thread *t)
{
	for (;;) {
		struct event ev = domains_peek(t);

		if (!RT->multi || !ev.id || ev.id == TF_EV_END || RT->replay_tid == t->tid)
			return ev;
		/* a vfork child whose parent goes on was killed here */
		if (t->vfork_child && RT->replay_tid == t->vfork_parent)
			for (;;)
				dj_raw(SYS_exit_group, 0);
		sched_pass(t, owner_of_head(t));
	}
}

void turn_wait_any(struct thread *t)
{
	struct event ev = turn_wait(t);

	if (!ev.id || ev.id == TF_EV_END)
		stream_end(t, -1, NULL);
	if (ev.id == TF_EV_START)
		head_take(t, &ev); /* looks as well */
	else
		preempt_look(t);
}

void turn_exit(struct thread *t)
{
	turn_leave_memory(t);
	for (;;)
		dj_raw(SYS_exit_group, 0);
}

/* Its maker was killed, and what that does is over: it does not wait for us here. */
static void stream_is_over(struct thread *t)
{
	if (RT->leaver)
		sched_give(RT->leaver);
	else
		stream_end(t, SYS_exit, NULL);
}

struct thread *boundary_heir(struct thread *t)
{
	struct event ev = domains_peek(t);

	if (!ev.id || ev.id == TF_EV_END)
		stream_end(t, -1, NULL);
	return owner_of_head(t);
}

void turn_outlived(struct thread *t)
{
	struct event ev = domains_peek(t);
	const struct thread *to = ev.id && ev.id != TF_EV_END ? thread_by_tid((int32_t)RT->replay_tid) : NULL;

	if (!to || !to->process)
		return;
	RT->leaver = t;
	__atomic_store_n(&t->slot->left, 1, __ATOMIC_SEQ_CST);
	sched_pass(t, owner_of_head(t));
}

void turn_leave_memory(struct thread *t)
{
	struct event ev;

	if (!t->apart)
		return;
	ev = domains_peek(t);
	thread_bury(t);
	if (ev.id && ev.id != TF_EV_END)
		sched_give(owner_of_head(t));
	else if (RT->leaver)
		sched_give(RT->leaver);
}

void turn_give(struct thread *t)
{
	sched_give(owner_of_head(t));
}

void turn_leave(struct thread *t)
{
	struct event ev = domains_peek(t);

	if (!ev.id || ev.id == TF_EV_END)
		stream_is_over(t);
	else
		sched_give(owner_of_head(t));
}
