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

enum { SIGTRAP_NR = 5, TRAP_FLAG = 0x100 };

void probe_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc);

/* Gives the token away in the middle of program code, and goes on when it is back. */
static void stop_here(struct thread *t, struct k_ucontext *uc)
{
	emit_place(t, &uc->mc);
	sched_release(t);
	sched_acquire(t);
	/* program code runs again, and no crossing of its own says so */
	record_thread_switch(t);
	record_emit_ints(t->slot, TF_EV_START, 1, record_dt(t->slot, dj_now()), 0, 0);
	ring_commit(t->slot);
	uc->mc.rip = trap_resume_rip(uc->mc.rip); /* patched meanwhile? */
}

static void note_once(struct thread *t)
{
	if (RT->preempt_noted)
		return;
	RT->preempt_noted = 1;
	record_note(t->slot, "a thread was stopped in the middle of a computation (others "
			     "waited for seconds, or a signal did): a replay may be slow "
			     "there, or stop it at another round");
}

static void probe_begin(struct thread *t, struct k_ucontext *uc)
{
	struct k_sigaction act = {
		.handler = (uint64_t)probe_handler,
		.flags = 0x4 | 0x08000000 | 0x04000000 | 0x40000000,
		.restorer = (uint64_t)dj_restorer,
		.mask = ~SIGSYS_BIT,
	};

	dj_raw(SYS_rt_sigaction, SIGTRAP_NR, &act, 0, 8);
	dj_copy(t->probe_reg, &uc->mc, sizeof(t->probe_reg));
	t->probe_blocked = uc->mask & SIG_BIT(SIGTRAP_NR);
	t->probe_steps = 1;
	uc->mask &= ~SIG_BIT(SIGTRAP_NR);
	uc->mc.eflags |= TRAP_FLAG;
}

static void probe_end(struct thread *t, struct k_ucontext *uc)
{
	uc->mc.eflags &= ~(uint64_t)TRAP_FLAG;
	if (t->probe_blocked)
		uc->mask |= SIG_BIT(SIGTRAP_NR);
	t->probe_steps = 0;
	signals_install(SIGTRAP_NR);
}

/* One instruction of a thread that is looked at. */
void probe_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc)
{
	struct thread *t = dj_self();

	if (!t->probe_steps) {
		boundary_signal(t, signo, info);
		return;
	}
	if (!preempt_in_program(t, &uc->mc)) { /* it crosses by itself */
		probe_end(t, uc);
		return;
	}
	if (!dj_compare(t->probe_reg, &uc->mc, sizeof(t->probe_reg))) {
		probe_end(t, uc);
		stop_here(t, uc);
	} else if (++t->probe_steps > PREEMPT_PROBE_STEPS) {
		probe_end(t, uc);
		if (dj_now() - t->slice_start_ns > PREEMPT_LATEST_NS) {
			note_once(t);
			stop_here(t, uc);
		}
	}
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
		note_once(t);
		emit_place(t, &uc->mc);
		if (boundary_next_signal(t, 0, &info))
			signals_enter(t, &info, uc);
		return true;
	}
	if (!t->probe_steps && sched_wanted(t))
		probe_begin(t, uc);
	return true;
}
