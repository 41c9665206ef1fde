/*
 * Giving a process back, see detach.h. Called by the recorder when it must not make a call of its own
 * any more.
 */
#include <sys/syscall.h>
#include "detach.h"
#include "hooks.h"

enum { PR_SUD = 59, SUD_OFF = 0 };

static void signals_give_back(struct thread *t)
{
	struct k_sigaction none = {0};
	for (int signo = 1; signo <= 64; signo++) {
		const struct k_sigaction *act = &t->actions->action[signo];

		if (signo == SIGSYS_NR && !(t->actions->known & SIGSYS_BIT))
			act = &none;
		else if (!(t->actions->known & SIG_BIT(signo)))
			continue;
		dj_raw(SYS_rt_sigaction, signo, act, 0, 8);
	}
	if (t->sigsys_blocked)
		dj_raw(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &t->sigsys_blocked, 0, 8);
	dj_raw(SYS_sigaltstack, &t->altstack, 0);
}

/* The thread's end is no crossing any more: the kernel tells of it, to whom the program wants. Once
 * only: whoever joined it may have given its stack to another. */
static void end_give_back(struct thread *t)
{
	if (t->clear_tid)
		dj_raw(SYS_set_tid_address, t->clear_tid);
	t->clear_tid = NULL;
}

void detach(struct thread *t)
{
	end_give_back(t);
	dj_raw(SYS_prctl, PR_SUD, SUD_OFF, 0, 0, 0);
	if (RT->thread_count > 1 || !RT->dispatch || RT->sandboxed) /* what follows opens a file */
		return;
	dj_active = 0;
	patch_undo();
	oracles_undo();
	clock_undo();
	signals_give_back(t);
	RT->dispatch = 0;
}
