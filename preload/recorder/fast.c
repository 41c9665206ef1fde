/*
 * The recorder's shortest way, which most crossings of most programs take: a call that is made as
 * it is and captured by its row, in a process that nobody else wants to run program code in.
 * entry.S makes it between boundary_enter and boundary_leave (what it saves: see there).
 * Everything else is boundary_call's.
 */
#include <sys/syscall.h>
#include "record.h"
#include "preload/own_memory.h"

/* Memory whose contents or room must be known before the call. */
static bool has_pre(const struct tf_call *call, const unsigned long args[6])
{
	for (unsigned i = 0; i < call->nargs; i++) {
		const struct tf_arg *a = &call->arg[i];

		if (a->kind == TF_MEM && args[i] && record_pre_wanted(a))
			return true;
	}
	return false;
}

/* Where others wait to run program code, too. False: there is more to decide than here. */
static bool enter_shared(struct thread *t, const struct tf_call *call, const struct pregs *p)
{
	const unsigned long args[6] = {p->rdi, p->rsi, p->rdx, p->r10, p->r8, p->r9};

	if (RT->sched_waiting || RT->crowded_until_ns)
		return false;
	t->entered_free = !(call->flags & TF_QUICK);
	if (!RT->domains)
		return true;
	if (!t->entered_free) /* perhaps the others' turn */
		return t->entered_ns - t->slice_start_ns < SLICE_NS;
	return !record_aside_wanted(call, args);
}

bool boundary_enter(struct thread *t, const struct pregs *p)
{
	const struct tf_call *call;
	uint64_t nr = (uint32_t)p->nr;
	uint8_t shape;

	if (nr >= TF_CALL_MAX || RT->passthrough || t->pending)
		return false;
	shape = RT->shape[nr];
	if (!(shape & SHAPE_FAST)) /* or not known yet: the long way makes it so */
		return false;
	call = tf_call_by_nr((long)nr);
	t->entered_ns = dj_now();
	t->entered_free = false;
	if (!record_alone() && !enter_shared(t, call, p))
		return false;
	if ((shape & SHAPE_ROLE) &&
	    (RT->session->shadows_live ||
	     ((unsigned)p->rdi < FD_ROLE_COUNT && t->roles[(unsigned)p->rdi])))
		return false;
	if (shape & SHAPE_PLACE) {
		const unsigned long args[6] = {p->rdi, p->rsi, p->rdx, p->r10, p->r8, p->r9};

		if (own_memory_touched((long)nr, args))
			return false;
		reach_protect((long)nr, args);
	}
	if (shape & SHAPE_PRE) {
		const unsigned long args[6] = {p->rdi, p->rsi, p->rdx, p->r10, p->r8, p->r9};

		if (has_pre(call, args))
			return false;
	}
	t->entered = call;
	if (t->entered_free) { /* as record_wait does */
		sched_release(t);
		ring_kick_aside(t->slot);
	}
	return true;
}

void boundary_leave(struct thread *t, const struct pregs *p)
{
	const unsigned long args[6] = {p->rdi, p->rsi, p->rdx, p->r10, p->r8, p->r9};
	const struct tf_call *call = t->entered;
	int64_t t0 = t->entered_ns, t1 = t0;

	if (t->entered_free) {
		if (RT->multi && RT->sched_owner)
			crowd_meet();
		sched_acquire(t);
		t1 = t->slice_start_ns; /* just now */
	} else if (!(call->flags & TF_QUICK)) {
		t1 = dj_now();
	}
	record_emit_call(t, call, args, (long)p->rax, t0, t1, NULL);
}
