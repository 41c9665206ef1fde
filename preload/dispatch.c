/*
 * The one dispatcher behind the three doors: makes the crossing through boundary_call
 * and delivers what signals are due. Called by entry.S on the private stack.
 */
#include "runtime.h"

void dj_dispatch(struct pregs *p);

void dj_dispatch(struct pregs *p)
{
	struct thread *t = dj_self();
	struct k_siginfo info;
	long ret;

	do
		ret = boundary_call(t, p);
	while (ret == TF_RESTART && !boundary_next_signal(t, ret, &info));
	if (ret == TF_RESTART)
		signals_deliver(t, p, &info, true);
	p->rax = (uint64_t)ret;
	if (boundary_next_signal(t, ret, &info))
		signals_deliver(t, p, &info, false);
}
