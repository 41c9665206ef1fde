/*
 * The replayer: the instructions that the recorder replaced by traps (preload/oracles.c) are
 * replaced here at the same moments. What CPUID told is served, but for instruction sets that this
 * processor lacks: code that used them would die of it, and with others it mostly comes to the same.
 */
#include <cpuid.h>
#include "preload/patch.h"
#include "replay.h"

/* Whether a byte that would be written is one of ours. */
static bool is_ours(uint64_t at, uint64_t room)
{
	uint64_t from = at, len = ORACLE_COVER_MAX;

	for (unsigned n = 0; n < 2; n++, from = at + SHORT_JUMP_LEN + (uint64_t)(int64_t)(int8_t)room) {
		if (from + len - DJ_PRIVATE < DJ_STREAM - DJ_PRIVATE + len ||
		    (from + len > RT->text_start && from < RT->text_end))
			return true;
		if (!oracle_has_pad((unsigned)room))
			break;
	}
	return false;
}

void oracles_plant(struct thread *t, struct tf_in in, uint32_t count, uint64_t from, uint64_t to,
		   bool writable)
{
	for (; count >= 2; count -= 2) {
		uint64_t at = (uint64_t)tf_get_int(&in), room = (uint64_t)tf_get_int(&in);

		if (room != ORACLE_LATER && !RT->code_fd)
			code_open();
		/* nothing of ours, whatever the recording says */
		if (in.bad || at < from || at >= to || room > ORACLE_ROOM_MAX ||
		    (room > ORACLE_COVER_MAX && room < ORACLE_PAD) || is_ours(at, room) ||
		    !oracle_plant(at, (unsigned)room, writable))
			diverge(t, DIVERGED_UNDECODABLE, -1, NULL,
				"there is no instruction that the recorder replaced here");
	}
	code_close();
}

/* Which of a leaf's registers are sets of features: bits, EAX first. */
static unsigned feature_registers(uint32_t leaf, uint32_t subleaf)
{
	switch (leaf) {
	case 1:
	case 0x80000001:
		return 0xc; /* ECX, EDX */
	case 7:
		return subleaf ? 0xf : 0xe; /* EAX of the first: how many there are */
	case 0xd: /* what XSAVE may keep */
		return subleaf < 2 ? 0x9 : 0;
	}
	return 0;
}

void boundary_cpuid(struct thread *t, uint64_t value[2])
{
	uint32_t leaf = (uint32_t)value[0], subleaf = (uint32_t)value[1], here[4];
	unsigned features = feature_registers(leaf, subleaf);

	boundary_oracle(t, ORACLE_CPUID, &value[0]);
	boundary_oracle(t, ORACLE_CPUID_REST, &value[1]);
	if (!features)
		return;
	__cpuid_count(leaf, subleaf, here[0], here[1], here[2], here[3]);
	for (unsigned i = 0; i < 4; i++)
		if (features >> i & 1)
			value[i / 2] &= (uint64_t)here[i] << (i % 2 * 32) | 0xffffffffull << ((i + 1) % 2 * 32);
}
