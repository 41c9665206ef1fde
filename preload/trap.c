/*
 * The second door: every syscall instruction outside our text raises SIGSYS (Syscall
 * User Dispatch); its handler sends the program to the common entry, and after a few
 * hits replaces the site by a jump so that later crossings cost no signal.
 *
 * What is patched, and how, is patch.c's; everything else stays with the trap. The handler
 * runs on our own signal stack with all signals blocked.
 *
 * Where the kernel has no dispatch, all sites that can be told are patched at start
 * instead, and those of a library when it is mapped.
 */
#include <sys/syscall.h>
#include <errno.h>
#include "clock.h"
#include "patch.h"
#include "runtime.h"

enum {
	PR_SUD = 59, /* PR_SET_SYSCALL_USER_DISPATCH */
	SUD_ON = 1,
	CODE_SUD = 2,	  /* SYS_USER_DISPATCH */
	PATCH_AFTER = 2,  /* hits of a site before it is patched */
	FLAGS_FIXED = 2,  /* always set in the flags */
};

void trap_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc);

struct site *trap_site(uint64_t addr)
{
	size_t i = (addr >> 1) * 0x9e3779b97f4a7c15ull >> 53;

	for (size_t n = 0; n < SITE_MAX; n++, i = (i + 1) % SITE_MAX) {
		struct site *s = &RT->sites[i];

		if (s->addr == addr)
			return s;
		if (!s->addr) {
			if (RT->site_count > SITE_MAX * 3 / 4)
				return NULL;
			RT->site_count++;
			s->addr = addr;
			return s;
		}
	}
	return NULL;
}

static const struct site *site_known(uint64_t addr)
{
	size_t i = (addr >> 1) * 0x9e3779b97f4a7c15ull >> 53;

	for (size_t n = 0; n < SITE_MAX; n++, i = (i + 1) % SITE_MAX) {
		const struct site *s = &RT->sites[i];

		if (s->addr == addr)
			return s;
		if (!s->addr)
			return NULL;
	}
	return NULL;
}

uint64_t trap_resume_rip(uint64_t rip)
{
	const struct site *s = site_known(rip - 2);

	if (s && s->tail > PATCH_AFTER + 1)
		return s->tail;
	/* a call to be made again, when no trap would catch the instruction itself */
	if (!RT->dispatch) {
		s = site_known(rip);
		if (s && s->tail > PATCH_AFTER + 1)
			return s->start;
	}
	return rip;
}

/*
 * While a SIGSYS that somebody sent is pending, the kernel drops the one that dispatch raises: the
 * program stands behind a syscall instruction that did nothing, with the call's number for its
 * result. The processor's traces in rcx and r11 tell (dj_ret_generic); it is executed again.
 */
static void make_again(struct k_mcontext *mc)
{
	static const uint8_t syscall_instruction[] = {0x0f, 0x05};
	uint8_t code[2];

	if (RT->dispatch && mc->rcx == mc->rip && (mc->r11 & FLAGS_FIXED) &&
	    !(mc->rip >= RT->text_start && mc->rip < RT->text_end) &&
	    dj_read_user(code, (const void *)(mc->rip - 2), 2) &&
	    !dj_compare(code, syscall_instruction, 2))
		mc->rip -= 2;
}

/* SIGSYS. Sends the program to the common entry as if the site were a call of it. */
void trap_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc)
{
	struct thread *t = dj_self();
	uint64_t *sp;
	struct site *s;

	if (info->code != CODE_SUD) {
		make_again(&uc->mc);
		if (t->delivering)
			signals_delivered(t, uc);
		else if (!boundary_interrupt(t, info, uc))
			signals_catch(t, signo, info, uc);
		return;
	}
	if (clock_is_moved(uc->mc.rip)) { /* called by ourselves, who stand at a crossing already */
		uc->mc.rax = (uint64_t)-ENOSYS;
		return;
	}
	if (uc->mc.rax == SYS_rt_sigreturn) {
		signals_return(t, uc);
		return;
	}
	/* `tail` counts hits until the site is tried: 1 = tried, n + 1 = n hits */
	s = trap_site(uc->mc.rip - 2);
	if (s && !RT->passthrough && !RT->sandboxed && s->tail != 1 && s->tail <= PATCH_AFTER + 1) {
		if (!s->tail)
			s->tail = 2;
		else if (++s->tail > PATCH_AFTER)
			patch_site(s, (long)uc->mc.rax);
	}
	sp = (uint64_t *)(uc->mc.rsp - 128);
	*--sp = trap_resume_rip(uc->mc.rip); /* it may just have been patched */
	*--sp = (uint64_t)dj_ret_generic;
	uc->mc.rsp = (uint64_t)sp;
	uc->mc.rcx = uc->mc.rip;
	uc->mc.rip = (uint64_t)dj_trap_entry;
}

void trap_arm(void)
{
	long r;

	if (!RT->dispatch)
		return;
	r = dj_raw(SYS_prctl, PR_SUD, SUD_ON, RT->text_start,
		   RT->text_end - RT->text_start, 0);
	if (DJ_IS_ERR(r))
		RT->dispatch = 0;
}

void trap_start(void)
{
	struct k_sigaction act = {
		.handler = (uint64_t)trap_handler,
		/* SA_SIGINFO | SA_ONSTACK | SA_RESTORER. Blocked meanwhile, as nothing of ours is
		 * trapped: many that are sent must not pile up on the stack. */
		.flags = 0x4 | 0x08000000 | 0x04000000,
		.restorer = (uint64_t)dj_restorer,
		.mask = ~0ull,
	};
	uint64_t unblock = SIGSYS_BIT;

	patch_start();
	dj_raw(SYS_rt_sigaction, SIGSYS_NR, &act, 0, 8);
	dj_raw(SYS_rt_sigprocmask, 1 /* SIG_UNBLOCK */, &unblock, 0, 8);
	RT->dispatch = !RT->session->no_dispatch;
	trap_arm();
	if (!RT->dispatch) {
		RT->session->no_dispatch = 1;
		patch_all();
	}
	clock_try();
}
