/*
 * See preempt.h: what recorder and replayer share.
 */
#include <sys/syscall.h>
#include "preempt.h"

static uint64_t stack_digest(const struct k_mcontext *mc)
{
	uint64_t from = mc->rsp, to = mc->rsp + PREEMPT_STACK_LEN;
	uint64_t page = mc->rsp & ~4095ull;

	if (to > page + 4096)
		to = page + 4096; /* the next page may not be there */
	return dj_xxh64((const void *)from, to - from);
}

static uint64_t memory_digest(const struct k_mcontext *mc)
{
	enum { POINTER_COUNT = 15 }; /* all but rsp and rip */
	const uint64_t *reg = (const uint64_t *)mc;
	uint64_t piece[PREEMPT_MEMORY_LEN / 8 + 1] = {0};

	for (unsigned i = 0; i < POINTER_COUNT; i++) {
		uint64_t at = reg[i] & ~63ull, left = 4096 - (at & 4095);
		size_t len = left < PREEMPT_MEMORY_LEN ? left : PREEMPT_MEMORY_LEN;

		if (at < 4096 || at - DJ_PRIVATE < DJ_STREAM - DJ_PRIVATE)
			continue; /* no pointer, or ours, which is another's on replay */
		if (at + PREEMPT_MEMORY_LEN > RT->text_start && at < RT->text_end)
			continue; /* our code, likewise */
		if (dj_read_user(piece + 1, (const void *)at, len))
			piece[0] = dj_xxh64(piece, 8 + len);
	}
	return piece[0];
}

void preempt_place_of(const struct k_mcontext *mc, struct preempt_place *place)
{
	/* k_mcontext begins with the registers in the order of the kernel's */
	dj_copy(place->reg, mc, sizeof(place->reg));
	place->stack_digest = stack_digest(mc);
	place->memory_digest = memory_digest(mc);
}

bool preempt_at_place(const struct k_mcontext *mc, const struct preempt_place *place)
{
	return !dj_compare(place->reg, mc, sizeof(place->reg)) &&
	       place->stack_digest == stack_digest(mc) &&
	       place->memory_digest == memory_digest(mc);
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
	dj_raw(SYS_rt_tgsigqueueinfo, target->apart ? target->live_tid : RT->live_pid,
	       target->live_tid, SIGSYS_NR, &info);
}
