/*
 * The recorder: signals. Caught ones wait in the thread's queue; each becomes an event when it is
 * delivered, at a crossing or where a computation was stopped for it. Under the token, but for
 * boundary_signal, which is called in handlers.
 */
#include <sys/syscall.h>
#include "record.h"

void boundary_signal(struct thread *t, int signo, const struct k_siginfo *info)
{
	if (t->pending >= PENDING_MAX)
		return;
	t->queue[t->pending] = *info;
	t->queue[t->pending].signo = signo;
	t->pending++;
}

bool boundary_signal_due(struct thread *t)
{
	return t->pending;
}

bool boundary_next_signal(struct thread *t, long result, struct k_siginfo *info)
{
	uint64_t block = ~SIGSYS_BIT, old;
	uint8_t buf[64], *p = buf;
	struct slot *slot = t->slot;

	if (!t->pending)
		return false;
	dj_raw(SYS_rt_sigprocmask, 2, &block, &old, 8);
	*info = t->queue[0];
	t->pending--;
	for (uint32_t i = 0; i < t->pending; i++)
		t->queue[i] = t->queue[i + 1];
	if (!t->pending)
		record_signal_waits_no_more(t);
	dj_raw(SYS_rt_sigprocmask, 2, &old, 0, 8);
	if (RT->passthrough)
		return true;
	record_thread_switch(t);
	p = tf_put_array(p, 4);
	p = tf_put_uint(p, TF_EV_SIGNAL);
	p = tf_put_uint(p, (uint64_t)record_dt(slot, dj_now()));
	p = tf_put_uint(p, (uint64_t)info->signo);
	p = tf_put_bin(p, sizeof(*info));
	ring_put(slot, buf, (size_t)(p - buf));
	ring_put(slot, info, sizeof(*info));
	ring_commit(slot);
	return true;
}

/*
 * A signal that was caught before a call is delivered first, and then the call is made again. Where
 * handlers take longer than the next signal does, that could go on for ever; natively there is time
 * for the call between two of them, or to begin it. So after some it is made first: the signals go back
 * to the kernel, as if they came after it; or, if it waits, as if they came some time after it began.
 */
enum { PUT_OFF_MAX = 1, SIGNAL_RESTARTS = 0x10000000 /* SA_RESTART */ };

/* Whether a call that the caught signals interrupt ends with EINTR. */
static bool ends_interrupted(const struct thread *t, const struct tf_call *call)
{
	for (uint32_t i = 0; i < t->pending && !(call->flags & TF_NO_RESTART); i++)
		if (t->actions->action[t->queue[i].signo].flags & SIGNAL_RESTARTS)
			return false;
	return true;
}

bool record_put_back(struct thread *t, const struct tf_call *call, const struct pregs *p)
{
	uint64_t block = ~SIGSYS_BIT;
	bool waits = !(call->flags & TF_QUICK);

	if (RT->sandboxed || !t->held || (call->flags & TF_SIGNAL && call->nr != SYS_rt_sigprocmask) ||
	    (waits && (call->cls == TF_BYHAND || !ends_interrupted(t, call))))
		return false;
	if (t->put_off_rsp != pregs_rsp(p) || t->put_off_rip != p->rip)
		t->put_off = 0;
	t->put_off_rsp = pregs_rsp(p);
	t->put_off_rip = p->rip;
	if (t->put_off++ < PUT_OFF_MAX)
		return false;
	t->put_off = 0;
	dj_raw(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &block, 0, 8);
	for (uint32_t i = 0; i < t->pending; i++)
		dj_raw(SYS_rt_tgsigqueueinfo, thread_process(t), t->live_tid, t->queue[i].signo,
		       &t->queue[i]);
	t->pending = 0;
	if (waits)
		boundary_signal_waits(t); /* interrupts it */
	else
		record_signal_waits_no_more(t);
	t->held = false;
	t->put_back_mask = t->held_mask;
	t->put_back = true;
	return true;
}

void record_put_back_end(struct thread *t)
{
	if (t->force_timer_runs && t->put_back)
		record_signal_waits_no_more(t);
	if (t->put_back)
		dj_raw(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &t->put_back_mask, 0, 8);
	t->put_back = false;
}

/*
 * Where a handler of several calls awaits the token at each of them, and somebody sends the next
 * signal in less time, the thread would do nothing but take signals, though natively it has time
 * between them. So after a chain of these the next one arrives a moment later, as it might have.
 */
enum { CHAIN_MAX = 2, CHAIN_NS = 100 * 1000 * 1000 };

bool boundary_sigreturn(struct thread *t, const struct k_ucontext *to)
{
	static const unsigned long none[6];
	int64_t now;

	record_probe_abandon(t);
	if (RT->passthrough)
		return true;
	now = dj_now();
	record_emit_call(t, tf_call_by_nr(SYS_rt_sigreturn), none, 0, now, now, NULL);
	return t->pending || !RT->multi || t->chained < CHAIN_MAX ||
	       to->mc.rip != t->chain_rip || to->mc.rsp != t->chain_rsp ||
	       now - t->chain_start_ns < CHAIN_NS;
}
