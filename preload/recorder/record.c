/*
 * The recorder's boundary: makes the call, then appends what crossed. One generic way for
 * almost every call; the table says which have code of their own (BYHAND, by_hand.c) and
 * which are watched besides (WATCHED, watched.c).
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include "record.h"
#include "preload/own_memory.h"

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
static bool share(struct thread *t, int64_t now)
{
	if (!(RT->sched_waiting | RT->domains) || now - t->slice_start_ns < SLICE_NS ||
	    !sched_wanted(t))
		return false;
	sched_release(t);
	sched_acquire(t);
	return true;
}

bool record_share(struct thread *t)
{
	return share(t, dj_now());
}

long record_generic(struct thread *t, const struct tf_call *call,
			   const unsigned long args[6])
{
	struct record_pre pre;
	unsigned shape = record_shape(call);
	bool needs_pre = shape & SHAPE_PRE;
	bool quick = (shape & SHAPE_SUB ? tf_flags_resolve(call, args) : call->flags) &
		     TF_QUICK;
	int64_t t0 = dj_now(), t1;
	long ret;

	/* before: what was performed is told before anybody else goes on */
	if (quick && share(t, t0))
		t0 = dj_now();
	if (needs_pre)
		record_pre_take(call, args, &pre);
	if (quick) {
		ret = dj_raw6(call->nr, (long)args[0], (long)args[1], (long)args[2],
			      (long)args[3], (long)args[4], (long)args[5]);
		t1 = t0; /* as short as reading the clock again: not measured */
	} else {
		ret = RT->domains ? record_wait_aside(t, call, args)
				  : record_wait(t, call->nr, args);
		t1 = dj_now();
	}
	record_emit_call(t, call, args, ret, t0, t1, needs_pre ? &pre : NULL);
	return ret;
}

/* One round of a futex call (futex.c); TF_RESTART leads to the next. */
static long record_futex(struct thread *t, const struct tf_call *call,
			 const unsigned long args[6], enum futex_way way, long entered)
{
	int64_t t0 = dj_now();
	unsigned long wait[6];
	long ret = entered;

	if (way == FUTEX_WAKES) {
		ret = futex_wakes(args, entered);
	} else if (way == FUTEX_WAITS) {
		futex_wait_args(args, entered, wait);
		ret = record_wait(t, SYS_futex, wait);
		if (ret == 0 || ret == -EAGAIN || ret == -EINTR)
			ret = TF_RESTART;
	}
	record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
	return ret;
}

long record_answer(struct thread *t, const struct tf_call *call,
			  const unsigned long args[6], long ret)
{
	int64_t now = dj_now();

	record_emit_call(t, call, args, ret, now, now, NULL);
	return ret;
}

/* The call has had no effect: the signal first, then the call again. */
static long record_interrupted(struct thread *t, const struct tf_call *call,
			       const unsigned long args[6])
{
	struct record_pre pre;
	bool needs_pre = record_shape(call) & SHAPE_PRE;
	int64_t now = dj_now();

	if (needs_pre)
		record_pre_take(call, args, &pre);
	record_emit_call(t, call, args, TF_RESTART, now, now, needs_pre ? &pre : NULL);
	return TF_RESTART;
}

/* The kernel does to it what the program's filter says. */
static long record_forbidden(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	struct record_pre pre;
	bool needs_pre = record_shape(call) & SHAPE_PRE;
	int64_t t0 = dj_now();
	long ret;

	if (needs_pre)
		record_pre_take(call, args, &pre);
	ret = dj_raw_wait(call->nr, args);
	record_emit_call(t, call, args, ret, t0, dj_now(), needs_pre ? &pre : NULL);
	return ret;
}

/* Makes and records a call, as its class says. */
static long record_classed(struct thread *t, struct pregs *p, const struct tf_call *call,
			   const unsigned long args[6])
{
	long nr = call->nr, ret;

	if (RT->sandboxed && !record_sandbox_allows(nr, args))
		return record_forbidden(t, call, args);
	if (own_memory_concerned(nr) && own_memory_call(nr, args, &ret))
		return record_answer(t, call, args, ret);
	reach_protect(nr, args);
	switch (record_shape(call) & SHAPE_SUB ? tf_class_resolve(call, args)
					       : (enum tf_class)call->cls) {
	case TF_REFUSE:
		return record_answer(t, call, args,
				     -tf_refuse_errno(call, args));
	case TF_BYHAND:
		return record_by_hand(t, p, call, args);
	default:
		break;
	}
	if (call->flags & TF_WATCHED)
		return record_watched(t, call, args);
	return record_generic(t, call, args);
}

static long fair_futex(struct thread *t, struct pregs *p, const struct tf_call *call, const unsigned long args[6])
{
	long ret = fair_enter(t, args) ? fair_wake(t, call, args) : record_classed(t, p, call, args);

	t->futex_pos = t->slot->pos;
	return ret;
}

long boundary_call(struct thread *t, struct pregs *p)
{
	const unsigned long args[6] = {p->rdi, p->rsi, p->rdx, p->r10, p->r8, p->r9};
	long nr = (int)p->nr;
	const struct tf_call *call;
	long ret;

	if (RT->passthrough)
		return record_passthrough(t, p, args);
	call = tf_call_by_nr(nr);
	if (!call) {
		record_note(t->slot, "a system call that the table does not know was "
				     "answered with ENOSYS");
		return -ENOSYS;
	}
	if (stack_wanted(nr))
		record_stack(t, p);
	if (nr == SYS_futex && !(RT->sandboxed && !record_sandbox_allows(nr, args))) {
		enum futex_way way = futex_enter(t, args, &ret);

		if (way != FUTEX_PLAIN)
			return record_futex(t, call, args, way, ret);
	}
	if (t->pending && !record_put_back(t, call, p)) /* caught in program code */
		return record_interrupted(t, call, args);
	ret = nr == SYS_futex ? fair_futex(t, p, call, args) : record_classed(t, p, call, args);
	record_put_back_end(t);
	return ret;
}

bool boundary_clock(struct thread *t, unsigned which, int64_t *ns)
{
	struct slot *slot = t->slot;
	struct k_timespec ts;
	uint8_t buf[32], *room, *p;

	if (t->pending || RT->trap_tsc || RT->clocks_unsure)
		return false; /* the call delivers it, or has the whole value; the vDSO reads the counter */
	if (which == TF_CLOCK_GETTIMEOFDAY || which == TF_CLOCK_TIME) {
		long (*original)(int64_t *, void *) = (void *)RT->vdso_gettimeofday;
		int64_t tv[2];

		if (!original || original(tv, NULL))
			return false;
		*ns = tv[0] * 1000000000 + (which == TF_CLOCK_TIME ? 0 : tv[1] * 1000);
	} else {
		long (*original)(long, struct k_timespec *) =
			(void *)RT->vdso_clock_gettime;

		/* CPU-time clocks are system calls in the vDSO as well: through the call */
		if (!original || which == 2 || which == 3 || original(which, &ts))
			return false;
		*ns = ts.sec * 1000000000 + ts.nsec;
	}
	if (RT->passthrough)
		return true;
	if (RT->sched_waiting | RT->domains)
		share(t, dj_now());
	record_thread_switch(t);
	room = ring_room(slot, sizeof(buf));
	p = room ? room : buf;
	*p++ = 0x93; /* an array of three */
	*p++ = TF_EV_CLOCK;
	*p++ = (uint8_t)which;
	p = tf_put_int(p, *ns - slot->clocks[which]);
	slot->clocks[which] = *ns;
	if (room)
		slot->pos += (size_t)(p - room);
	else
		ring_put(slot, buf, (size_t)(p - buf));
	ring_commit(slot);
	return true;
}

uint64_t boundary_tsc(struct thread *t, bool with_aux, int64_t *aux)
{
	uint64_t value;
	uint32_t core;

	if (RT->passthrough) {
		value = tsc_read(&core);
		*aux = core;
		return value;
	}
	share(t, dj_now());
	value = tsc_read(&core);
	*aux = with_aux ? (int64_t)core : -1;
	record_thread_switch(t);
	record_emit_ints(t->slot, TF_EV_TSC, 2, (int64_t)value, *aux, 0);
	ring_commit(t->slot);
	return value;
}
