/*
 * See preempt.h: what recorder and replayer share.
 */
#include <sys/syscall.h>
#include "preempt.h"

void preempt_place_of(const struct k_mcontext *mc, struct preempt_place *place)
{
	uint64_t from = mc->rsp - PREEMPT_RED_ZONE, to = mc->rsp + PREEMPT_STACK_LEN;
	uint64_t page = mc->rsp & ~4095ull;

	/* k_mcontext begins with the registers in the order of the kernel's */
	dj_copy(place->reg, mc, sizeof(place->reg));
	if (from < page)
		from = page; /* the pages around may not be there */
	if (to > page + 4096)
		to = page + 4096;
	place->stack_digest = dj_xxh64((const void *)from, to - from);
}

bool preempt_in_program(const struct thread *t, const struct k_mcontext *mc)
{
	uint64_t private_start = (uint64_t)t;

	return !(mc->rip >= RT->text_start && mc->rip < RT->text_end) &&
	       !(mc->rsp - private_start < THREAD_STRIDE);
}

bool preempt_is_request(const struct k_siginfo *info)
{
	uint64_t value;

	dj_copy(&value, info->rest + 8, sizeof(value)); /* si_value */
	return (info->code == -1 || info->code == -2) && value == PREEMPT_VALUE;
}

void preempt_request(const struct thread *target)
{
	struct k_siginfo info = {.signo = SIGSYS_NR, .code = -1};
	uint64_t value = PREEMPT_VALUE;

	dj_copy(info.rest + 8, &value, sizeof(value));
	dj_raw(SYS_rt_tgsigqueueinfo, RT->live_pid, target->live_tid, SIGSYS_NR, &info);
}
