/*
 * Code that is not there yet. The breakpoint for a stop (preempt.c) is planted before the turn that the
 * stop ends; a program that makes code itself (a JIT) may make the code at the place in that very turn,
 * or make it anew, and would write over the breakpoint. So the place's pages are kept from being
 * written to: who writes there faults, is let through for this one instruction, and the breakpoint
 * stands while the code is as it was at the stop. That costs two signals an instruction that
 * writes there; where data that a loop counts with lie in the same page, they end when the code is there.
 *
 * Only where the same addresses are written to and executed: of code written through a second
 * mapping nothing is seen.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include "replay.h"
#include "preempt.h"

enum {
	PAGE = 4096,
	FAULT_WRITE = 2, /* of the page fault's error code */
	LONGEST_WRITE = 64, /* bytes, by one instruction */
	KEPT_MAX = 4096,    /* writes that leave the code alone: it is made, data are written to */
};

static uint64_t first_page(void)
{
	return PREEMPT->place_code.addr & ~(uint64_t)(PAGE - 1);
}

static uint64_t pages_len(void)
{
	const struct preempt_area *code = &PREEMPT->place_code;

	return ((code->addr + code->len + PAGE - 1) & ~(uint64_t)(PAGE - 1)) - first_page();
}

static bool is_writable(uint64_t at)
{
	uint8_t byte;

	return dj_read_user(&byte, (const void *)at, 1) && dj_write_user((void *)at, &byte, 1);
}

/* Where it is not mapped so, a call that maps it is still to come (fresh_come_back). */
static void guard(bool on)
{
	const struct preempt_area *code = &PREEMPT->place_code;
	int all = PROT_READ | PROT_WRITE | PROT_EXEC;

	if (on && (!is_writable(code->addr) || !is_writable(code->addr + code->len - 1)))
		return;
	if (!on && !PREEMPT->code_guarded)
		return;
	PREEMPT->code_guarded =
		dj_raw(SYS_mprotect, first_page(), pages_len(), on ? all & ~PROT_WRITE : all) == 0 && on;
}

static bool is_there(void)
{
	const struct preempt_area *code = &PREEMPT->place_code;
	uint64_t digest;

	return preempt_area_digest(code->addr, code->len, &digest) && digest == code->digest;
}

/* The breakpoint, if it stands, takes the place of the code. */
static void give_back(void)
{
	if (PREEMPT->stands)
		stub_remove();
	PREEMPT->stands = false;
}

void fresh_watch(struct thread *t)
{
	struct sig_actions *known = t->actions;

	if (!(known->known & SIG_BIT(SIGSEGV_NR)))
		dj_raw(SYS_rt_sigaction, SIGSEGV_NR, 0, &known->action[SIGSEGV_NR], 8);
	known->known |= SIG_BIT(SIGSEGV_NR);
	RT->code_watched = 1;
	PREEMPT->code_stepped = PREEMPT->stands = false;
	PREEMPT->code_kept = 0;
	signals_install(SIGSEGV_NR);
	fresh_come_back(t);
}

void fresh_end(void)
{
	give_back();
	guard(false);
	RT->code_watched = 0;
	signals_install(SIGSEGV_NR);
}

bool fresh_make_way(void)
{
	if (!RT->code_watched)
		return false;
	give_back();
	guard(false);
	return true;
}

void fresh_come_back(struct thread *t)
{
	struct preempt_state *s = PREEMPT;
	bool there = s->stands || is_there();

	s->code_kept = there ? s->code_kept + 1 : 0;
	if (s->code_kept <= KEPT_MAX)
		guard(true);
	if (there && !s->stands)
		preempt_come_back(t);
}

bool fresh_written(struct k_ucontext *uc)
{
	const struct preempt_area *code = &PREEMPT->place_code;

	if (!PREEMPT->code_guarded || !(uc->mc.err & FAULT_WRITE) ||
	    uc->mc.cr2 - first_page() >= pages_len())
		return false;
	if (uc->mc.cr2 - (code->addr - LONGEST_WRITE) < code->len + LONGEST_WRITE)
		give_back();
	guard(false);
	PREEMPT->code_stepped = true;
	uc->mc.eflags |= TRAP_FLAG;
	return true;
}

bool fresh_stepped(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	if (!PREEMPT->code_stepped || !preempt_is_step(info, &uc->mc))
		return false;
	PREEMPT->code_stepped = false;
	uc->mc.eflags &= ~(uint64_t)TRAP_FLAG;
	fresh_come_back(t);
	return true;
}
