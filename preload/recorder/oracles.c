/*
 * The recorder: the program's own instructions that are oracles (preload/oracles.c): which of them a
 * mapping has, and what they give.
 */
#include <cpuid.h>
#include "preload/patch.h"
#include "record.h"

/* Those of this file, by the supervisor's list. */
static const struct oracle_file *oracles_of(uint32_t file)
{
	const struct session *s = RT->session;
	uint32_t low = 0, high = __atomic_load_n(&s->oracle_file_count, __ATOMIC_ACQUIRE);

	while (file && low < high) {
		uint32_t mid = (low + high) / 2;

		if (s->oracle_files[mid].file == file)
			return &s->oracle_files[mid];
		if (s->oracle_files[mid].file < file)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* The i-th of a file, where it is in a mapping of len bytes from `offset` on. False: not in it. */
static bool in_mapping(const struct oracle_file *f, uint32_t i, uint64_t len, uint64_t offset,
		       uint64_t *into, unsigned *room)
{
	uint64_t entry = RT->session->oracle_offsets[f->first + i];

	*into = (entry & ((1ull << ORACLE_OFFSET_BITS) - 1)) - offset;
	*room = (unsigned)(entry >> ORACLE_OFFSET_BITS);
	return *into < len;
}

/* Whether what a jump needs is in the mapping, of len bytes, as well. */
static bool has_room(uint64_t into, unsigned room, uint64_t len)
{
	uint64_t pad = into + SHORT_JUMP_LEN + (uint64_t)(int64_t)(int8_t)room;

	if (room == ORACLE_LATER)
		return true;
	return room < ORACLE_PAD ? into + room <= len : pad < len && pad + JUMP_LEN <= len;
}

void record_oracles(uint32_t file, uint64_t at, uint64_t len, uint64_t offset, bool writable)
{
	const struct oracle_file *f = oracles_of(file);
	uint64_t into;
	unsigned room;

	if (at < RT->text_end && at + len > RT->text_start)
		return; /* ours */
	oracles_forget(at, len);
	if (!f)
		return;
	for (uint32_t i = 0; i < f->count; i++) {
		if (!in_mapping(f, i, len, offset, &into, &room))
			continue;
		if (room != ORACLE_LATER && !RT->code_fd)
			code_open();
		if (!oracle_plant(at + into, has_room(into, room, len) ? room : 0, writable))
			RT->oracles_left = 1;
	}
	code_close();
}

void record_oracles_tell(struct slot *slot)
{
	if (RT->oracles_left)
		record_note(slot, "an instruction rdrand, rdseed, rdpid, rdtsc or cpuid could not be "
				  "replaced: its value is not recorded");
	RT->oracles_left = 0;
}

unsigned record_oracles_count(uint32_t file, uint64_t at, uint64_t len, uint64_t offset)
{
	const struct oracle_file *f = oracles_of(file);
	unsigned count = 0, room;
	uint64_t into;

	for (uint32_t i = 0; f && i < f->count; i++)
		if (in_mapping(f, i, len, offset, &into, &room) && oracle_at(at + into))
			count++;
	return count;
}

static void put_site(struct slot *slot, const struct oracle_site *s)
{
	uint8_t buf[2 * TF_INT_MAX_LEN], *p = tf_put_uint(buf, s->addr);

	p = tf_put_uint(p, s->room);
	ring_put(slot, buf, (size_t)(p - buf));
}

void record_oracles_put(struct slot *slot, uint32_t file, uint64_t at, uint64_t len,
			uint64_t offset)
{
	const struct oracle_file *f = oracles_of(file);
	const struct oracle_site *s;
	uint64_t into;
	unsigned room;

	for (uint32_t i = 0; f && i < f->count; i++)
		if (in_mapping(f, i, len, offset, &into, &room) && (s = oracle_at(at + into)))
			put_site(slot, s);
}

/* Bit per kind: this processor has it. */
static uint32_t offered(void)
{
	unsigned a, b = 0, c = 0, d;

	if (!RT->oracles_offered) {
		RT->oracles_offered = 1;
		if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_RDRND))
			RT->oracles_offered |= 1u << ORACLE_RDRAND;
		b = c = 0;
		__get_cpuid_count(7, 0, &a, &b, &c, &d);
		if (b & bit_RDSEED)
			RT->oracles_offered |= 1u << ORACLE_RDSEED;
		if (c & bit_RDPID)
			RT->oracles_offered |= 1u << ORACLE_RDPID;
	}
	return RT->oracles_offered;
}

bool boundary_has_oracle(unsigned kind)
{
	return kind >= ORACLE_RDTSC || (offered() >> kind & 1);
}

static unsigned execute(unsigned kind, uint64_t *value)
{
	uint8_t carry = 1;

	*value = 0;
	if (!(offered() >> kind & 1))
		return ORACLE_UNKNOWN;
	switch (kind) {
	case ORACLE_RDRAND:
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=qm"(carry) : : "cc");
		break;
	case ORACLE_RDSEED:
		__asm__ volatile("rdseed %0; setc %1" : "=r"(*value), "=qm"(carry) : : "cc");
		break;
	case ORACLE_RDPID:
		__asm__ volatile("rdpid %0" : "=r"(*value));
		break;
	}
	return carry;
}

unsigned boundary_oracle(struct thread *t, unsigned kind, uint64_t *value)
{
	unsigned flag;

	if (RT->passthrough)
		return execute(kind, value);
	record_share(t);
	flag = execute(kind, value);
	record_thread_switch(t);
	record_insn(t, kind, *value, flag);
	return flag;
}

void boundary_cpuid(struct thread *t, uint64_t value[2])
{
	unsigned a, b, c, d;

	if (!RT->passthrough)
		record_share(t);
	__cpuid_count((unsigned)value[0], (unsigned)value[1], a, b, c, d);
	value[0] = a | (uint64_t)b << 32;
	value[1] = c | (uint64_t)d << 32;
	if (RT->passthrough)
		return;
	t->only_on = 0; /* what this processor told is recorded: no warning (watched.c) */
	record_thread_switch(t);
	record_insn(t, ORACLE_CPUID, value[0], 1);
	record_insn(t, ORACLE_CPUID_REST, value[1], 1);
}
