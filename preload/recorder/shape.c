/*
 * The recorder: what is known of a call's row without looking at its arguments one by one, worked out
 * when the call is met first.
 */
#include <sys/syscall.h>
#include "record.h"
#include "preload/own_memory.h"

bool record_pre_wanted(const struct tf_arg *a)
{
	return a->dir == TF_RTX || a->rule == TF_LENPTR ||
	       (a->dir == TF_RX && (a->rule == TF_MSG || a->rule == TF_MMSG));
}

/* Of the WATCHED rows those whose account concerns descriptors with a role and shadowed files
 * alone. */
static bool watched_by_role(long nr)
{
	switch (nr) {
	case SYS_read:
	case SYS_pread64:
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
	case SYS_pwritev:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_close:
		return true;
	}
	return false;
}

static uint8_t fast_shape(const struct tf_call *call)
{
	if (RT->session->stacks.every) /* taken by boundary_call */
		return 0;
	if ((call->cls != TF_RECORD && call->cls != TF_LOCAL) || call->nr == SYS_futex)
		return 0;
	for (unsigned i = 0; i < call->nargs; i++)
		if (call->arg[i].rule == TF_SUB)
			return 0;
	if (!(call->flags & TF_WATCHED))
		return own_memory_concerned(call->nr) ? SHAPE_FAST | SHAPE_PLACE : SHAPE_FAST;
	return watched_by_role(call->nr) ? SHAPE_FAST | SHAPE_ROLE : 0;
}

uint8_t record_shape_make(const struct tf_call *call)
{
	uint8_t shape = SHAPE_KNOWN;

	for (unsigned i = 0; i < call->nargs; i++) {
		const struct tf_arg *a = &call->arg[i];

		if (a->rule == TF_SUB)
			shape |= SHAPE_PRE | SHAPE_SUB | SHAPE_ITEMS;
		else if (a->kind == TF_MEM)
			shape |= SHAPE_ITEMS |
				 (record_pre_wanted(a) ? SHAPE_PRE : 0);
	}
	shape |= fast_shape(call);
	RT->shape[call->nr] = shape;
	return shape;
}
