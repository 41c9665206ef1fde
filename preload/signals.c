/*
 * The program's signals. Its handlers are never entered by the kernel directly: for every
 * signal that it handles, the kernel knows one of ours, on our own signal stack.
 *
 * Asynchronous signals are queued there and delivered at the next crossing: the signal is
 * raised once more at a moment of our choice, so that the kernel itself builds the frame
 * (floating-point state and all); the frame is then moved to the program's stack, given
 * the program's registers, and entered. Synchronous faults (SIGSEGV ...) happen by
 * themselves in both modes; only the moving is done. The program's frame returns through
 * its own restorer, whose rt_sigreturn traps.
 */
#include <sys/syscall.h>
#include <errno.h>
#include "runtime.h"
#include "preempt.h"

enum {
	K_SA_SIGINFO = 4,
	K_SA_ONSTACK = 0x08000000,
	K_SA_NODEFER = 0x40000000,
	K_SA_RESETHAND = (int)0x80000000,
	K_SA_RESTORER = 0x04000000,
	K_SS_ONSTACK = 1,
	K_SS_DISABLE = 2,
	FPX_SW_OFFSET = 464, /* struct _fpx_sw_bytes in the legacy area */
	FPX_MAGIC1 = 0x46505853,
	SIGBUS_NR = 7,
	SIGFPE_NR = 8,
};

/* Faults stay as they are: blocked, the kernel would end the process. */
#define HOLD_MASK                                                                        \
	(~(SIGSYS_BIT | SIG_BIT(4) | SIG_BIT(5) | SIG_BIT(7) | SIG_BIT(8) | SIG_BIT(11)))

void dj_sigreturn(const struct k_ucontext *uc);

static bool is_synchronous(int signo, const struct k_siginfo *info)
{
	/* SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV raised by the CPU: si_code > 0 */
	return (signo == 4 || signo == 5 || signo == 7 || signo == 8 || signo == 11) &&
	       info->code > 0;
}

bool signals_fatal_by_default(int signo)
{
	/* SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH */
	return signo != 17 && !(signo >= 18 && signo <= 23) && signo != 28;
}

static uint64_t frame_fp_len(const struct k_ucontext *uc)
{
	const uint32_t *sw;

	if (!uc->mc.fpstate)
		return 0;
	sw = (const uint32_t *)(uc->mc.fpstate + FPX_SW_OFFSET);
	return sw[0] == FPX_MAGIC1 ? sw[1] : 512;
}

/* Without dispatch an unpatched rt_sigreturn would pass us by (patch.c rewrites libc's into
 * a jump, opcode e9). */
static uint64_t restorer_for(const struct k_sigaction *act)
{
	uint8_t opcode = 0;

	if (!RT->dispatch &&
	    (!dj_fetch_user(&opcode, (const void *)act->restorer, 1) || opcode != 0xe9))
		return (uint64_t)dj_sigreturn_entry;
	return act->restorer;
}

/* A breakpoint waits ahead (replayer/preempt.c), where the program's mask is this. */
static void await_trap(struct k_ucontext *uc, uint64_t mask)
{
	if (!RT->break_addr)
		return;
	PREEMPT->was_blocked = mask & BREAK_SIGNALS;
	uc->mask &= ~BREAK_SIGNALS;
}

/*
 * Moves the frame that the kernel built on our signal stack (info, uc) to the stack of the
 * program at sp (or its alternate stack) and turns uc into the entry of the handler.
 * The program's context is in *uc's registers as they shall be seen by the handler.
 */
static void frame_move(struct thread *t, int signo, const struct k_siginfo *info,
		       struct k_ucontext *uc, uint64_t sp, uint64_t seen_mask)
{
	struct k_sigaction *act = &t->actions->action[signo];
	uint64_t fp_len = frame_fp_len(uc), fp = 0, mask;
	bool on_alt = sp - t->altstack.sp < t->altstack.size &&
		      !(t->altstack.flags & K_SS_DISABLE);
	struct k_frame *f;
	struct k_stack seen_stack = t->altstack;

	if (on_alt)
		seen_stack.flags |= K_SS_ONSTACK;
	if ((act->flags & K_SA_ONSTACK) && !on_alt && !(t->altstack.flags & K_SS_DISABLE))
		sp = t->altstack.sp + t->altstack.size;
	else
		sp -= 128;
	if (fp_len) {
		sp = (sp - fp_len) & ~63ull;
		fp = sp;
		dj_copy((void *)fp, (void *)uc->mc.fpstate, fp_len);
	}
	sp = ((sp - sizeof(struct k_frame)) & ~15ull) - 8;
	f = (struct k_frame *)sp;
	f->restorer = restorer_for(act);
	f->uc = *uc;
	f->uc.mc.fpstate = fp;
	/* of our own making: the last trap, and what lay on our signal stack */
	f->uc.mc.eflags &= ~0x10100ull; /* RF, TF */
	dj_zero(f->uc.mc.reserved, sizeof(f->uc.mc.reserved));
	if (!is_synchronous(signo, info))
		f->uc.mc.err = f->uc.mc.trapno = f->uc.mc.cr2 = 0;
	f->uc.mc.oldmask = seen_mask;
	f->uc.stack = seen_stack;
	f->uc.mask = seen_mask;
	f->info = *info;

	mask = seen_mask | act->mask;
	if (!(act->flags & K_SA_NODEFER))
		mask |= SIG_BIT(signo);
	uc->mask = mask & ~signals_kept_open();
	await_trap(uc, mask);
	uc->mc.rip = act->handler;
	uc->mc.rsp = sp;
	uc->mc.rdi = (uint64_t)signo;
	uc->mc.rsi = (uint64_t)&f->info;
	uc->mc.rdx = (uint64_t)&f->uc;
	uc->mc.rax = 0;
	uc->mc.eflags &= ~0x500ull; /* DF, TF */
	if (act->flags & K_SA_RESETHAND) {
		act->handler = 0;
		signals_install(signo);
	}
}

/* The mask that the handler's frame shows, and that its end brings back. */
static uint64_t seen_mask(const struct thread *t, const struct k_ucontext *uc)
{
	uint64_t opened = RT->break_addr ? PREEMPT->was_blocked : 0;

	return (t->held ? t->held_mask : uc->mask) | t->sigsys_blocked | opened;
}

/* Enters the handler for info from uc's context. */
static void enter(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	uint64_t seen = seen_mask(t, uc);

	t->held = false;
	frame_move(t, info->signo, info, uc, uc->mc.rsp, seen);
}

/*
 * Of signals that wait together the kernel makes all the frames, one on top of the other, before
 * the first handler runs. So what it has kept back and uc's mask lets in is caught now and entered,
 * too; afterwards signals are blocked until uc is returned to: what came then would be noticed by
 * nobody. result as for boundary_next_signal. Returns whether there was one.
 */
static bool enter_waiting(struct thread *t, long result, struct k_ucontext *uc)
{
	uint64_t block = ~SIGSYS_BIT;
	struct k_siginfo info;

	for (bool entered = false;; entered = true) {
		dj_raw(SYS_rt_sigprocmask, 2, &uc->mask, 0, 8);
		dj_raw(SYS_rt_sigprocmask, 2, &block, 0, 8);
		if (!boundary_next_signal(t, result, &info))
			return entered;
		if (t->actions->action[info.signo].handler > 1)
			enter(t, &info, uc);
		t->held = false;
		result = TF_RESTART;
	}
}

void signals_enter(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	if (t->actions->action[info->signo].handler > 1)
		enter(t, info, uc);
	enter_waiting(t, TF_RESTART, uc);
}

void signals_delivered(struct thread *t, struct k_ucontext *uc)
{
	const struct pregs *p = t->delivering;

	t->delivering = NULL;
	uc->mc.r15 = p->r15, uc->mc.r14 = p->r14, uc->mc.r13 = p->r13;
	uc->mc.r12 = p->r12, uc->mc.rbp = p->rbp, uc->mc.rbx = p->rbx;
	uc->mc.r10 = p->r10, uc->mc.r9 = p->r9, uc->mc.r8 = p->r8;
	uc->mc.rdx = p->rdx, uc->mc.rsi = p->rsi, uc->mc.rdi = p->rdi;
	uc->mc.rax = t->delivering_rax;
	uc->mc.rip = t->delivering_rip;
	uc->mc.rcx = p->rip;
	uc->mc.r11 = 0; /* as dj_ret_generic has it */
	uc->mc.eflags = p->flags;
	uc->mc.rsp = pregs_rsp(p);
	uc->mask = t->delivering_mask;
	enter(t, &t->delivering_info, uc);
	enter_waiting(t, TF_RESTART, uc);
}

/* Inside a window between check and system call: the call has had no effect and is given up. */
static void leave_window(struct k_mcontext *mc)
{
	static const struct {
		const char *start, *syscall, *abort;
	} windows[] = {
		{dj_window_start, dj_window_syscall, dj_window_abort},
		{dj_window_plain_start, dj_window_plain_syscall, dj_window_plain_abort},
		{dj_window_flags_start, dj_window_flags_syscall, dj_window_flags_abort},
	};

	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
		if (mc->rip >= (uint64_t)windows[i].start &&
		    mc->rip <= (uint64_t)windows[i].syscall)
			mc->rip = (uint64_t)windows[i].abort;
}

void signals_catch(struct thread *t, int signo, const struct k_siginfo *info,
		   struct k_ucontext *uc)
{
	boundary_signal(t, signo, info);
	if (!t->pending)
		return;
	if (!t->held) {
		t->held = true;
		t->held_mask = uc->mask;
	}
	uc->mask |= HOLD_MASK;
	if (preempt_in_program(t, &uc->mc) || oracles_hold(&uc->mc))
		boundary_signal_waits(t);
	leave_window(&uc->mc);
}

/* These come to us even when the program has no handler (oracles.c, tsc.c, boundary_fatal). */
static bool is_kept(int signo)
{
	return signo == SIGILL_NR || (signo == SIGSEGV_NR && (RT->trap_tsc || RT->code_watched)) ||
	       (RT->catch_faults && (signo == SIGSEGV_NR || signo == SIGBUS_NR || signo == SIGFPE_NR));
}

/* True: that is all. */
static bool is_ours(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	int signo = info->signo;
	uint64_t handler = t->actions->action[signo].handler;
	struct k_sigaction act = {.flags = K_SA_RESTORER, .restorer = (uint64_t)dj_restorer};

	if (signo == SIGILL_NR ? oracles_trapped(t, info, uc)
			       : signo == SIGSEGV_NR && RT->trap_tsc && tsc_trapped(t, info, uc))
		return true;
	if ((signo == SIGILL_NR || (signo == SIGSEGV_NR && (RT->trap_tsc || RT->code_watched))) &&
	    is_synchronous(signo, info) && boundary_own_fault(t, info, uc))
		return true;
	if (handler > 1 && !(t->sigsys_blocked & SIG_BIT(signo)))
		return false;
	if (!is_synchronous(signo, info)) {
		if (handler == 0 && !(t->sigsys_blocked & SIG_BIT(signo)))
			signals_die(signo);
		return handler <= 1;
	}
	/* it happens again, and ends the process as without us */
	boundary_fatal(t);
	dj_raw(SYS_rt_sigaction, signo, &act, 0, 8);
	return true;
}

/* The kernel's handler for every signal that the program handles. */
void signal_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc)
{
	struct thread *t = dj_self();

	if (uc->mc.rip >= (uint64_t)dj_clock_store && uc->mc.rip < (uint64_t)dj_clock_stored &&
	    is_synchronous(signo, info)) {
		uc->mc.rip = (uint64_t)dj_clock_unwritable;
		return;
	}
	if (is_kept(signo) && is_ours(t, info, uc))
		return;
	if (is_synchronous(signo, info) && t->actions->action[signo].handler > 1 &&
	    !(uc->mc.rip >= RT->text_start && uc->mc.rip < RT->text_end)) {
		bool held = t->held;

		boundary_fault(t, uc);
		enter(t, info, uc);
		if (held) { /* what waits goes on waiting, in the handler */
			t->held = true;
			t->held_mask = uc->mask;
			uc->mask |= HOLD_MASK;
		}
		return;
	}
	signals_catch(t, signo, info, uc);
}

void signals_install(int signo)
{
	struct k_sigaction k = dj_self()->actions->action[signo];

	if (k.handler > 1 || is_kept(signo)) {
		k.handler = (uint64_t)signal_handler;
		k.flags = (k.flags & ~(uint64_t)(uint32_t)K_SA_RESETHAND) | K_SA_SIGINFO |
			  K_SA_ONSTACK | K_SA_RESTORER | K_SA_NODEFER;
		k.restorer = (uint64_t)dj_restorer;
		k.mask = ~SIGSYS_BIT;
	} else {
		k.flags |= K_SA_RESTORER;
		k.restorer = (uint64_t)dj_restorer;
	}
	if (signo != SIGSYS_NR)
		dj_raw(SYS_rt_sigaction, signo, &k, 0, 8);
}

void signals_catch_faults(struct thread *t)
{
	static const int signals[] = {SIGBUS_NR, SIGFPE_NR, SIGSEGV_NR};
	struct sig_actions *known = t->actions;

	RT->catch_faults = 1;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (!(known->known & SIG_BIT(signals[i])))
			dj_raw(SYS_rt_sigaction, signals[i], 0, &known->action[signals[i]], 8);
		known->known |= SIG_BIT(signals[i]);
		signals_install(signals[i]);
	}
}

void signals_for_exec(struct thread *t, bool begins)
{
	struct k_sigaction act = {.handler = 1, .flags = K_SA_RESTORER,
				  .restorer = (uint64_t)dj_restorer};
	uint64_t mask = t->sigsys_blocked & ~SIGSYS_BIT;

	if (mask)
		dj_raw(SYS_rt_sigprocmask, begins ? 0 : 1, &mask, 0, 8);
	for (int signo = SIGILL_NR; signo <= SIGSEGV_NR; signo++) {
		if (!is_kept(signo) || t->actions->action[signo].handler != 1)
			continue;
		if (begins)
			dj_raw(SYS_rt_sigaction, signo, &act, 0, 8);
		else
			signals_install(signo);
	}
	tsc_forbid(!begins);
}

long signals_action_apply(const unsigned long args[6])
{
	struct sig_actions *known = dj_self()->actions;
	unsigned long signo = args[0];
	struct k_sigaction new, old;

	if (signo < 1 || signo > 64 || args[3] != 8 ||
	    (args[1] && (signo == 9 || signo == 19)))
		return -EINVAL;
	if (args[1] && !dj_fetch_user(&new, (void *)args[1], sizeof(new)))
		return -EFAULT;
	if (!(known->known & SIG_BIT(signo))) {
		if (signo != SIGSYS_NR)
			dj_raw(SYS_rt_sigaction, signo, 0, &known->action[signo], 8);
		known->known |= SIG_BIT(signo);
	}
	old = known->action[signo];
	if (args[1]) {
		new.mask &= ~(SIG_BIT(9) | SIG_BIT(19));
		known->action[signo] = new;
		signals_install((int)signo);
	}
	if (args[2] && !dj_write_user((void *)args[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* As the kernel would, from `mask` on. */
static long mask_change(uint64_t mask, unsigned long how, const uint64_t *set, uint64_t *old)
{
	long ret = 0;

	*old = mask;
	if (set && how == 0)
		mask |= *set;
	else if (set && how == 1)
		mask &= ~*set;
	else if (set && how == 2)
		mask = *set;
	else if (set)
		ret = -EINVAL;
	dj_raw(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &mask, 0, 8);
	return ret;
}

long signals_mask_apply(const unsigned long args[6])
{
	struct thread *t = dj_self();
	uint64_t set = 0, old = 0, clean;
	unsigned long clean_args[6] = {args[0], args[1] ? (unsigned long)&clean : 0,
				       (unsigned long)&old, 8};
	long ret;

	if (args[3] != 8)
		return -EINVAL;
	if (args[1] && !dj_fetch_user(&set, (void *)args[1], 8))
		return -EFAULT;
	clean = set & ~signals_kept_open();
	if (RT->break_addr && args[1]) { /* of this thread: nobody else runs */
		uint64_t *blocked = &PREEMPT->was_blocked, bits = set & BREAK_SIGNALS;

		*blocked = args[0] == 0 ? *blocked | bits : args[0] == 1 ? *blocked & ~bits : bits;
		clean &= ~BREAK_SIGNALS;
	}
	/* not while a caught signal waits: the kernel's mask is not the program's then */
	ret = t->put_back ? mask_change(t->put_back_mask, args[0], args[1] ? &clean : NULL, &old)
			  : dj_raw_wait(SYS_rt_sigprocmask, clean_args);
	t->put_back = false;
	if (ret)
		return ret;
	old |= t->sigsys_blocked;
	if (args[2] && !dj_write_user((void *)args[2], &old, sizeof(old)))
		return -EFAULT;
	if (args[1] && args[0] == 0)
		t->sigsys_blocked |= set & signals_kept_open();
	else if (args[1] && args[0] == 1)
		t->sigsys_blocked &= ~(set & signals_kept_open());
	else if (args[1])
		t->sigsys_blocked = set & signals_kept_open();
	return 0;
}

uint64_t signals_mask(struct thread *t)
{
	uint64_t mask = 0;

	dj_raw(SYS_rt_sigprocmask, 0, 0, &mask, 8);
	return t->held ? t->held_mask : mask;
}

void signals_actions_copy(struct thread *child, const struct thread *t)
{
	child->own_actions = *t->actions;
	child->actions = &child->own_actions;
}

void signals_die(int signo)
{
	struct k_sigaction act = {0};
	uint64_t mask = ~SIG_BIT(signo);

	boundary_dies(signo);
	dj_raw(SYS_rt_sigaction, signo, &act, 0, 8);
	dj_raw(SYS_tgkill, dj_raw(SYS_getpid), dj_raw(SYS_gettid), signo);
	dj_raw(SYS_rt_sigprocmask, 2, &mask, 0, 8);
	for (;;)
		dj_raw(SYS_exit_group, 128 + signo);
}

long signals_altstack(struct thread *t, const struct pregs *p, const unsigned long args[6])
{
	struct k_stack new, old = t->altstack;
	bool on = pregs_rsp(p) - old.sp < old.size && !(old.flags & K_SS_DISABLE);

	if (on)
		old.flags |= K_SS_ONSTACK;
	if (args[0]) {
		if (!dj_fetch_user(&new, (void *)args[0], sizeof(new)))
			return -EFAULT;
		if (on)
			return -EPERM;
		if (new.flags & ~(K_SS_DISABLE | K_SS_ONSTACK | (int)0x80000000))
			return -EINVAL;
		if (new.flags & K_SS_DISABLE) {
			new.sp = 0;
			new.size = 0;
		} else if (new.size < 2048) {
			return -ENOMEM;
		}
		new.flags &= ~K_SS_ONSTACK;
		new.pad = 0;
		t->altstack = new;
	}
	if (args[1] && !dj_write_user((void *)args[1], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* The frame is made by the kernel for SIGSYS, which is never blocked and never the
 * program's: raising the signal itself could meet others of its number. */
void signals_deliver(struct thread *t, struct pregs *p, const struct k_siginfo *info,
		     bool restart)
{
	uint64_t block = ~SIGSYS_BIT, now = 0;

	dj_raw(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &block, &now, 8);
	t->delivering_info = *info;
	t->delivering_mask = now;
	t->delivering_rax = restart ? p->nr : p->rax;
	t->delivering_rip = restart ? p->rip - 2 : p->rip;
	if (t->actions->action[info->signo].handler <= 1) {
		/* the handler went away meanwhile */
		if (t->held)
			now = t->held_mask;
		t->held = false;
		p->rax = t->delivering_rax;
		dj_raw(SYS_rt_sigprocmask, 2, &now, 0, 8);
		dj_leave(p, trap_resume_rip(t->delivering_rip), pregs_rsp(p));
	}
	t->delivering = p;
	dj_raw(SYS_tgkill, dj_raw(SYS_getpid), dj_raw(SYS_gettid), SIGSYS_NR);
	dj_fatal("a raised signal did not arrive", info->signo);
}

/* One handler has returned there, another was entered there or not. */
static void note_chain(struct thread *t, uint64_t rip, uint64_t rsp, bool entered)
{
	bool same = rip == t->chain_rip && rsp == t->chain_rsp;

	if (same && !entered) {
		t->chained = 0;
	} else if (entered) {
		if (!same || !t->chained) {
			t->chained = 0;
			t->chain_rip = rip;
			t->chain_rsp = rsp;
			t->chain_start_ns = dj_now();
		}
		t->chained++;
	}
}

void signals_return(struct thread *t, struct k_ucontext *uc)
{
	const struct k_frame *f = (const struct k_frame *)(uc->mc.rsp - 8);
	uint64_t fp_len = frame_fp_len(&f->uc), fp = uc->mc.fpstate;
	uint64_t rip = f->uc.mc.rip, rsp = f->uc.mc.rsp;
	bool at_once = boundary_sigreturn(t, &f->uc);

	if (fp_len && fp && fp_len <= frame_fp_len(uc))
		dj_copy((void *)fp, (void *)f->uc.mc.fpstate, fp_len);
	uc->mc = f->uc.mc;
	uc->mc.fpstate = fp;
	uc->flags = f->uc.flags;
	t->sigsys_blocked = f->uc.mask & signals_kept_open();
	uc->mask = f->uc.mask & ~signals_kept_open();
	await_trap(uc, f->uc.mask);
	uc->mc.rip = trap_resume_rip(uc->mc.rip);
	t->altstack.sp = f->uc.stack.sp;
	t->altstack.size = f->uc.stack.size;
	t->altstack.flags = f->uc.stack.flags & ~K_SS_ONSTACK;
	/* the next ones, if any, interrupt the same place */
	t->held = false;
	note_chain(t, rip, rsp, at_once && enter_waiting(t, 0, uc));
}

/* From entry.S: the program returns from a handler where rt_sigreturn does not trap. */
void dj_sigreturn(const struct k_ucontext *uc)
{
	struct thread *t = dj_self();
	struct k_ucontext live = {
		.stack = {.sp = (uint64_t)t->sigstack, .size = THREAD_SIGSTACK_LEN},
		.mc = {.rsp = (uint64_t)uc, .fpstate = uc->mc.fpstate},
	};

	signals_return(t, &live);
	dj_raw_sigreturn(&live);
}
