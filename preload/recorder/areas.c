/*
 * The recorder: what digests of memory tell where a thread was stopped (preload/preempt.h): its stack,
 * the executable's data, what registers point at, a small heap. (What these lead to: reach.c.) Called
 * in signal handlers, by the token's holder.
 */
#include <sys/syscall.h>
#include "record.h"
#include "areas.h"

enum {
	STACK_AREA_LEN = 16 * 1024, /* of each of */
	STACK_PIECES = 8,
	DATA_AREA_LEN = 256 * 1024,
	DATA_PIECE_LEN = 32 * 1024,
	HEAP_AREA_LEN = 1024 * 1024,
	HEAP_PIECES = 32,
	AROUND_PLACE_LEN = 256,
};

bool areas_may_tell(const struct k_mcontext *mc, uint64_t at)
{
	const struct preempt_state *s = PREEMPT;

	return at >= WORD_LAST && at < 0x800000000000ull &&
	       at - DJ_PRIVATE >= DJ_END - DJ_PRIVATE &&
	       !(at >= s->linker_from && at < s->linker_to) &&
	       !(at >= s->object_from && at < s->object_to) &&
	       at - (mc->rip - AROUND_PLACE_LEN) >= 2 * AROUND_PLACE_LEN && /* a jump is there */
	       at - (mc->rsp - BELOW_STACK_LEN) >= BELOW_STACK_LEN - RED_ZONE_LEN;
}

bool areas_on_own_stack(const struct k_mcontext *mc, uint64_t at)
{
	return at - (mc->rsp - RED_ZONE_LEN) < 8 * STACK_WORDS + RED_ZONE_LEN;
}

static void add_area(uint64_t addr, uint64_t len, const struct flights *others)
{
	struct preempt_state *s = PREEMPT;
	struct preempt_area *a = &s->areas[s->area_count];

	if (s->area_count >= PREEMPT_AREA_MAX || !len || flights_touch(others, addr, len) ||
	    !preempt_area_digest(addr, len, &a->digest))
		return;
	a->addr = addr;
	a->len = len;
	s->area_count++;
}

uint64_t areas_stack_end(const struct k_mcontext *mc)
{
	uint64_t tcb;

	__asm__("mov %%fs:0, %0" : "=r"(tcb));
	if (RT->start_sp > mc->rsp && RT->start_sp - mc->rsp < 64 << 20)
		return RT->start_sp;
	if (tcb > mc->rsp && tcb - mc->rsp < 64 << 20)
		return tcb;
	return (mc->rsp & ~4095ull) + 4096;
}

static void add_beyond(uint64_t addr, uint64_t len, const struct flights *others)
{
	if (!flights_garbage(others, addr, len))
		add_area(addr, len, others);
}

/* In pieces: one that has told a round apart is compared first in the next. */
static void add_heap(const struct flights *others)
{
	uint64_t from = PREEMPT->heap_from, len = (uint64_t)dj_raw(SYS_brk, 0) - from;
	uint64_t piece = ((len + HEAP_PIECES - 1) / HEAP_PIECES + 4095) & ~4095ull;

	if (len > HEAP_AREA_LEN)
		return;
	for (; len; from += piece, len -= piece) {
		if (piece > len)
			piece = len;
		add_beyond(from, piece, others);
	}
}

/* The code at the place, where the program may write: it may have made it in this very turn, and
 * when the replay looks for the place, before the turn, something else is there. */
static void add_code(const struct k_mcontext *mc)
{
	struct preempt_area *a = &PREEMPT->areas[0];
	uint8_t byte;

	if (!dj_read_user(&byte, (const void *)mc->rip, 1) ||
	    !dj_write_user((void *)mc->rip, &byte, 1))
		return;
	*a = (struct preempt_area){mc->rip, PREEMPT_CODE_LEN, 0};
	if (!preempt_area_digest(a->addr, a->len, &a->digest)) {
		a->len = 4096 - (mc->rip & 4095); /* up to where nothing is mapped */
		if (a->len > PREEMPT_CODE_LEN || !preempt_area_digest(a->addr, a->len, &a->digest))
			return;
	}
	PREEMPT->area_count = 1;
}

void areas_collect(const struct k_mcontext *mc, const struct flights *others)
{
	const struct preempt_state *s = PREEMPT;
	const uint64_t *reg = (const uint64_t *)mc;
	uint64_t from = (mc->rsp & ~7ull) + 8 * STACK_WORDS, to = areas_stack_end(mc);

	PREEMPT->area_count = 0;
	add_code(mc);
	for (unsigned i = 0; i < STACK_PIECES && from < to; i++, from += STACK_AREA_LEN)
		add_area(from, to - from < STACK_AREA_LEN ? to - from : STACK_AREA_LEN, others);
	if (others->unknown)
		return;
	from = s->data_to - s->data_from <= DATA_AREA_LEN ? s->data_from : s->data_to;
	for (; from < s->data_to; from += DATA_PIECE_LEN)
		add_beyond(from, s->data_to - from < DATA_PIECE_LEN ? s->data_to - from : DATA_PIECE_LEN,
			   others);
	for (unsigned i = 0; i < POINTER_COUNT; i++) {
		uint64_t at = reg[i] & ~63ull, left = 4096 - (at & 4095);

		if (areas_may_tell(mc, at) && !areas_on_own_stack(mc, at))
			add_beyond(at, left < PREEMPT_MEMORY_LEN ? left : PREEMPT_MEMORY_LEN, others);
	}
	add_heap(others);
}
