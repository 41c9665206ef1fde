/*
 * The recorder's boundary: where every call, clock read and counter read arrives that does not take the
 * shortest way (fast.c). Almost every call goes one way (generic.c); the table says which have code
 * of their own (BYHAND, by_hand.c) and which are watched besides (WATCHED, watched.c).
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include "record.h"
#include "preload/own_memory.h"

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

		/* CPU-time clocks are system calls in the vDSO, too, and so are those that it then
		 * says it cannot read (clock_try): through the call */
		if (!original || which == 2 || which == 3 || original(which, &ts))
			return false;
		*ns = ts.sec * 1000000000 + ts.nsec;
	}
	if (RT->passthrough)
		return true;
	if (RT->sched_waiting | RT->domains)
		record_share(t);
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
	record_share(t);
	value = tsc_read(&core);
	*aux = with_aux ? (int64_t)core : -1;
	record_thread_switch(t);
	record_emit_ints(t->slot, TF_EV_TSC, 2, (int64_t)value, *aux, 0);
	ring_commit(t->slot);
	return value;
}
