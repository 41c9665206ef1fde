/*
 * Forced preemption on replay. When the next event says that this thread was stopped in
 * program code, a breakpoint is planted at that instruction; every hit compares the
 * thread's state with the recorded one, until it is there. Only one thread runs at a time,
 * so that the breakpoint is seen by nobody else.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include "replay.h"
#include "preload/preempt.h"

enum { SIGTRAP_NR = 5, CODE_TRACE = 2, TRAP_FLAG = 0x100, INT3 = 0xcc };

void preempt_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc);

/* The page stays writable as long as the breakpoint is wanted: rounds are many. */
static void open_page(bool on)
{
	uint64_t page = RT->break_addr & ~4095ull;

	dj_raw(SYS_mprotect, page, 4096,
	       on ? PROT_READ | PROT_WRITE | PROT_EXEC : PROT_READ | PROT_EXEC);
}

static void plant(bool on)
{
	uint8_t *at = (uint8_t *)RT->break_addr;

	if (on) {
		RT->break_byte = *at;
		*at = INT3;
	} else {
		*at = RT->break_byte;
	}
}

void preempt_look(struct thread *t)
{
	uint64_t pos = RT->stream_pos;
	int64_t tid = RT->replay_tid;
	struct k_sigaction act = {
		.handler = (uint64_t)preempt_handler,
		.flags = 0x4 | 0x08000000 | 0x04000000 | 0x40000000,
		.restorer = (uint64_t)dj_restorer,
		.mask = ~SIGSYS_BIT,
	};
	uint64_t unblock = SIG_BIT(SIGTRAP_NR);
	const uint8_t *place;
	struct tf_in in;
	uint32_t len;

	for (;;) {
		struct tf_in start = in = head_in(pos);

		tf_get_array(&in);
		switch (tf_get_int(&in)) {
		case TF_EV_PREEMPT:
			break;
		case TF_EV_THREAD:
			tid = tf_get_int(&in);
			/* fall through */
		case TF_EV_SYNC:
		case TF_EV_NOTE:
			in = start;
			tf_skip(&in);
			if (in.bad)
				return;
			pos += (uint64_t)(in.p - start.p);
			continue;
		default:
			return;
		}
		break;
	}
	tf_get_int(&in); /* dt */
	place = tf_get_bytes(&in, &len);
	if (in.bad || len != sizeof(RT->break_place) || tid != t->tid)
		return;
	dj_copy(&RT->break_place, place, len);
	RT->break_addr = RT->break_place[16]; /* rip */
	dj_raw(SYS_rt_sigaction, SIGTRAP_NR, &act, 0, 8);
	/* in a handler the interrupted mask counts: preempt_continue sees to that */
	dj_raw(SYS_rt_sigprocmask, 1, &unblock, 0, 8);
	open_page(true);
	plant(true);
}

/* It is where it was stopped: what was next then is next now. */
static void arrived(struct thread *t, struct k_ucontext *uc)
{
	struct k_siginfo info;
	struct event ev;

	plant(false);
	open_page(false);
	RT->break_addr = 0;
	signals_install(SIGTRAP_NR);
	ev = head_peek(t);
	if (ev.id != TF_EV_PREEMPT)
		diverge(t, DIVERGED_OTHER, -1, NULL, "a forced stop is not at the head");
	head_take(t, &ev);
	if (boundary_next_signal(t, 0, &info)) {
		signals_enter(t, &info, uc);
		return;
	}
	turn_wait_any(t);
	uc->mc.rip = trap_resume_rip(uc->mc.rip);
}

void preempt_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc)
{
	struct thread *t = dj_self();

	uc->mask &= ~SIG_BIT(SIGTRAP_NR);
	if (uc->mc.eflags & TRAP_FLAG && info->code == CODE_TRACE && RT->break_addr) {
		uc->mc.eflags &= ~(uint64_t)TRAP_FLAG;
		plant(true);
		return;
	}
	if (!RT->break_addr || uc->mc.rip != RT->break_addr + 1) {
		boundary_signal(t, signo, info);
		return;
	}
	uc->mc.rip--;
	plant(false); /* a register may point near it */
	if (preempt_at_place(&uc->mc, (const struct preempt_place *)RT->break_place)) {
		arrived(t, uc);
		return;
	}
	uc->mc.eflags |= TRAP_FLAG;
}
