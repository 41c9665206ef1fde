/*
 * The replayer's side of `deja gdb`: waits for the debugger at the beginning of the image or
 * child that it wants, and stops for it when an event was served. Called by the replayer where
 * a thread is about to leave to the program; without a debugger each is one comparison.
 */
#include <stddef.h>
#include <sys/syscall.h>
#include <linux/futex.h>
#include "debug.h"
#include "preload/preempt.h"

enum {
	SLOT_STACK_LEN = (sizeof(struct stack_taken) + 4095) & ~4095ul,
};

void debug_stop(void);
void debug_signal(uint64_t signo);

/* The debugger's breakpoint is here. */
__attribute__((noinline)) void debug_stop(void)
{
	__asm__ volatile("" : : : "memory");
}

/* The debugger's other breakpoint, which no user sees: the next signal of this number is the
 * program's, not ours. */
__attribute__((noinline)) void debug_signal(uint64_t signo)
{
	__asm__ volatile("" : : "r"(signo) : "memory");
}

/* Where a breakpoint is met with SIGTRAP blocked the kernel forgets the program's handler. */
static uint64_t open_trap(void)
{
	uint64_t trap = SIG_BIT(SIGTRAP_NR), mask = 0;

	dj_raw(SYS_rt_sigprocmask, 1, &trap, &mask, 8);
	return mask;
}

static void close_trap(uint64_t mask)
{
	dj_raw(SYS_rt_sigprocmask, 2, &mask, 0, 8);
}

static void stop(struct thread *t, enum debug_reason reason, uint64_t resume)
{
	uint64_t mask = open_trap();

	t->slot->stop_event = 0;
	DEBUG->reason = reason;
	DEBUG->resume = resume;
	debug_stop();
	close_trap(mask);
}

static bool due(const struct thread *t)
{
	return t->slot->stop_event && RT->event_no >= t->slot->stop_event;
}

void debug_begin(struct thread *t)
{
	struct session *s = RT->session;
	struct slot *slot = t->slot;
	struct k_timespec step = {0, 100 * 1000 * 1000};

	if (!s->hold_stream)
		return;
	*DEBUG = (struct debug_facts){
		.magic = DEBUG_MAGIC,
		.text_start = RT->text_start,
		.text_end = RT->text_end,
		.stop = (uint64_t)debug_stop,
		.event_no = (uint64_t)&RT->event_no,
		.stop_event = (uint64_t)&slot->stop_event,
		.replay_tid = (uint64_t)&RT->replay_tid,
		.pools = (uint64_t)RT->pools,
		.pool_count = STUB_POOL_MAX,
		.pool_size = sizeof(RT->pools[0]),
		.sites = (uint64_t)RT->sites,
		.site_count = SITE_MAX,
		.site_size = sizeof(RT->sites[0]),
		.stream = slot->stream,
		.thread_tid = offsetof(struct thread, tid),
		.signal = (uint64_t)debug_signal,
		.trap_tsc = RT->trap_tsc,
	};
	if (slot->stream != s->hold_stream || RT->event_no < s->hold_event ||
	    slot->hold != HOLD_NOT)
		return;
	__atomic_store_n(&slot->hold, HOLD_WAITS, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&s->doorbell, 1, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, &s->doorbell, FUTEX_WAKE, 1);
	while (__atomic_load_n(&slot->hold, __ATOMIC_SEQ_CST) == HOLD_WAITS)
		dj_raw(SYS_futex, &slot->hold, FUTEX_WAIT, HOLD_WAITS, &step);
}

/* A debugger lets pass what we raise ourselves. The program's own is raised again, for it to see. */
bool debug_shows(int signo, uint64_t at)
{
	uint64_t mask;

	if (!RT->session->hold_stream)
		return false;
	if (at && DEBUG->shown == at) {
		DEBUG->shown = 0;
		return false;
	}
	DEBUG->shown = at;
	mask = open_trap();
	debug_signal((uint64_t)signo);
	close_trap(mask);
	return true;
}

void boundary_dies(int signo)
{
	if (RT->session->hold_stream)
		DEBUG->reason = DEBUG_DIES;
	debug_shows(signo, 0);
}

void debug_enter(struct thread *t, struct pregs *p)
{
	/* a debugger that steps through entry.S has us save its trap flag */
	if (t->slot->hold == HOLD_GONE_ON)
		p->flags &= ~(uint64_t)TRAP_FLAG;
}

void debug_stack(struct thread *t, const struct pregs *p)
{
	struct stack_taken *taken = slot_stack(t->slot);
	struct session *s = RT->session;
	struct k_timespec step = {0, 100 * 1000 * 1000};

	if (!stack_wanted((int)p->nr) || !slot_memory(taken, SLOT_STACK_LEN))
		return;
	stack_take(t, p, taken);
	taken->event_no = RT->event_no + 1;
	__atomic_store_n(&taken->full, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&s->doorbell, 1, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, &s->doorbell, FUTEX_WAKE, 1);
	while (__atomic_load_n(&taken->full, __ATOMIC_SEQ_CST) && !s->aborted)
		dj_raw(SYS_futex, &taken->full, FUTEX_WAIT, 1, &step);
}

void debug_leave(struct thread *t, uint64_t resume)
{
	if (due(t))
		stop(t, DEBUG_EVENT, resume);
}

void debug_leave_call(struct thread *t)
{
	const uint64_t *planted;

	if (!due(t) || !t->crossing)
		return;
	/* entry.S returns there: a stub's tail, or by dj_ret_generic to the program */
	planted = (const uint64_t *)t->crossing->entry_rsp;
	stop(t, DEBUG_EVENT,
	     planted[0] == (uint64_t)dj_ret_generic ? trap_resume_rip(t->crossing->rip)
						    : planted[0]);
}

void debug_leave_clock(struct thread *t)
{
	/* entry.S: the program's stack pointer, below it two saved registers */
	if (due(t))
		stop(t, DEBUG_EVENT, ((const uint64_t *)((uint64_t *)t->stack_top)[-1])[2]);
}

void debug_last(struct thread *t)
{
	if (due(t))
		stop(t, DEBUG_LAST, 0);
}

void debug_diverged(struct thread *t)
{
	if (t->slot->hold == HOLD_GONE_ON)
		stop(t, DEBUG_DIVERGED, 0);
}
