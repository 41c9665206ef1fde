/*
 * The one dispatcher behind the three doors: makes the crossing through boundary_call
 * and delivers what signals are due. Called by entry.S on the private stack.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include "patch.h"
#include "runtime.h"

/* From entry.S. dj_enter: true when the call is to be made as it is, dj_after to follow with its
 * result in p->rax; else all is done. */
bool dj_enter(struct pregs *p);
void dj_after(struct pregs *p);

/* While this thread waited, another may have patched the site that trapped: the return
 * address that the SIGSYS handler planted lies in the middle of the jump then. */
static void renew_return(struct pregs *p)
{
	uint64_t *planted = (uint64_t *)p->entry_rsp;

	if (planted[0] == (uint64_t)dj_ret_generic)
		planted[1] = trap_resume_rip(p->rip);
}

static __attribute__((noinline)) void dispatch(struct thread *t, struct pregs *p)
{
	struct k_siginfo info;
	long ret;

	do
		ret = boundary_call(t, p);
	while (ret == TF_RESTART && !boundary_next_signal(t, ret, &info));
	if (ret == TF_RESTART)
		signals_deliver(t, p, &info, true);
	p->rax = (uint64_t)ret;
	/* a library that the program loads, where dispatch would not catch its calls */
	if (!RT->dispatch && p->nr == SYS_mmap && !DJ_IS_ERR(ret) && (p->rdx & PROT_EXEC) &&
	    (p->r10 & MAP_PRIVATE) && !(p->r10 & MAP_ANONYMOUS))
		patch_mapped((uint64_t)ret, p->rsi, (int)p->rdx);
	if (boundary_next_signal(t, ret, &info))
		signals_deliver(t, p, &info, false);
	if (RT->multi)
		renew_return(p);
	t->crossing = NULL;
}

bool dj_enter(struct pregs *p)
{
	struct thread *t = dj_self();

	t->crossing = p;
	if (boundary_enter(t, p))
		return true;
	dispatch(t, p);
	return false;
}

static __attribute__((noinline)) void deliver_after(struct thread *t, struct pregs *p)
{
	long ret = (long)p->rax;
	struct k_siginfo info;

	if (boundary_next_signal(t, ret, &info))
		signals_deliver(t, p, &info, ret == TF_RESTART);
	if (ret == TF_RESTART)
		dispatch(t, p);
}

void dj_after(struct pregs *p)
{
	struct thread *t = dj_self();

	boundary_leave(t, p);
	if (t->pending || p->rax == (uint64_t)TF_RESTART)
		deliver_after(t, p);
	if (RT->multi)
		renew_return(p);
	t->crossing = NULL;
}
