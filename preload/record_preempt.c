/*
 * The recorder: stopping a thread in the middle of program code. Requests come from a
 * thread that waits for the token (sched.c), or from a timer that is set when a signal
 * was caught outside of any crossing.
 */
#include <sys/syscall.h>
#include <errno.h>
#include "record.h"
#include "preempt.h"

struct k_sigevent {
	uint64_t value;
	int32_t signo, notify, tid;
	uint8_t rest[44];
};
struct k_itimerspec {
	struct k_timespec interval, value;
};

static void emit_place(struct thread *t, const struct k_mcontext *mc)
{
	struct preempt_place place;
	uint8_t buf[32], *p = buf;

	preempt_place_of(mc, &place);
	record_thread_switch(t);
	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_PREEMPT);
	p = tf_put_uint(p, (uint64_t)record_dt(t->slot, dj_now()));
	p = tf_put_bin(p, sizeof(place));
	ring_put(t->slot, buf, (size_t)(p - buf));
	ring_put(t->slot, &place, sizeof(place));
	ring_commit(t->slot);
}

void boundary_signal_waits(struct thread *t)
{
	struct k_itimerspec when = {.value = {0, PREEMPT_AFTER_NS}};

	if (!t->force_timer_made) {
		struct k_sigevent ev = {
			.value = PREEMPT_VALUE,
			.signo = SIGSYS_NR,
			.notify = 4, /* SIGEV_THREAD_ID */
			.tid = t->live_tid,
		};

		if (dj_raw(SYS_timer_create, 1 /* CLOCK_MONOTONIC */, &ev, &t->force_timer))
			return;
		t->force_timer_made = true;
	}
	dj_raw(SYS_timer_settime, t->force_timer, 0, &when, 0);
}

bool boundary_interrupt(struct thread *t, const struct k_siginfo *request,
			struct k_ucontext *uc)
{
	struct k_siginfo info;

	if (!preempt_is_request(request))
		return false;
	if (RT->passthrough)
		return true;
	if (!preempt_in_program(t, &uc->mc)) {
		if (t->pending)
			boundary_signal_waits(t); /* it may be on its way out */
		return true;
	}
	if (t->pending) {
		emit_place(t, &uc->mc);
		if (boundary_next_signal(t, 0, &info))
			signals_enter(t, &info, uc);
		return true;
	}
	if (RT->multi && RT->sched_owner == t && RT->sched_waiting) {
		emit_place(t, &uc->mc);
		sched_release(t);
		sched_acquire(t);
	}
	return true;
}
