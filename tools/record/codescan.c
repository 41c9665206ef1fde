/*
 * See codescan.h. A pass over the text, 16 bytes at a time, finds the few places where the bytes
 * are; each is then judged by decoding the function around it: from the beginning that the unwind
 * table, the symbols or Go's table tell, to its end. Only where that comes out even, the place is
 * taken for an instruction. Trusts nothing in the file.
 */
#include <elf.h>
#include <emmintrin.h>
#include <stdlib.h>
#include <string.h>
#include "preload/insn.h"
#include "tools/record/codescan.h"
#include "tools/record/go_table.h"

enum {
	FUNCTION_MAX = 1 << 20, /* bytes; longer ones are not decoded */
	PREFIX_MAX = 3,
	TABLE_MAX = 1 << 14, /* entries */
	STRETCH_MAX = 16,    /* stretches that are remembered */
	ALIGNED = 16,	     /* functions, as a rule */
	FRAME_DATA4 = 0x3b, /* DW_EH_PE_datarel | DW_EH_PE_sdata4 */
	FRAME_COUNT4 = 0x03, /* DW_EH_PE_udata4 */
};

struct scan {
	const struct elf_file *elf;
	const uint8_t *table; /* pairs of i32: function, entry; from index_addr */
	size_t table_count;
	uint64_t index_addr;
	struct elf_span *functions; /* by symbols, once they were needed */
	size_t function_count;
	bool has_functions;
	struct go_table go;
	struct elf_span code[STRETCH_MAX]; /* the file's first stretches of code, as file offsets */
	unsigned code_count;
	struct code_oracle *found;
	size_t count, cap;
	uint64_t begin, end; /* the function last decoded, as file offsets */
	bool even;	     /* it came out even */
};

const char *code_oracle_name(uint8_t kind)
{
	static const char *const names[] = {"?", "rdrand", "rdseed", "rdpid", "rdtsc", "rdtscp", "cpuid"};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : names[0];
}

static int32_t get_i32(const uint8_t *p)
{
	int32_t v;

	memcpy(&v, p, 4);
	return v;
}

/* --- functions' bounds --- */

/* The binary search table of .eh_frame_hdr, in the one encoding that linkers write. */
static void open_table(struct scan *s)
{
	uint64_t addr, len;
	const uint8_t *p;
	size_t room;

	if (!elf_frame_index(s->elf, &addr, &len))
		return;
	p = elf_bytes(s->elf, addr, &room);
	if (!p || room < 12 || p[0] != 1 || p[2] != FRAME_COUNT4 || p[3] != FRAME_DATA4)
		return;
	if (room > len)
		room = len;
	s->table_count = (uint32_t)get_i32(p + 8);
	if (s->table_count > (room - 12) / 8)
		s->table_count = 0;
	s->table = p + 12;
	s->index_addr = addr;
}

static bool skip_leb(const uint8_t **p, const uint8_t *end)
{
	while (*p < end && (**p & 0x80))
		(*p)++;
	return (*p)++ < end;
}

/* How the CIE at addr encodes its functions' addresses; 0: not told. */
static uint8_t pointer_encoding(const struct scan *s, uint64_t addr)
{
	size_t room;
	const uint8_t *p = elf_bytes(s->elf, addr, &room), *end;
	const char *augmentation;

	if (!p || room < 16 || get_i32(p) <= 0 || (uint32_t)get_i32(p) > room - 4 || get_i32(p + 4))
		return 0;
	end = p + 4 + get_i32(p);
	p += 8;
	if (p + 4 > end || (*p != 1 && *p != 3))
		return 0;
	augmentation = (const char *)p + 1;
	p = memchr(augmentation, 0, (size_t)(end - (const uint8_t *)augmentation));
	if (!p || *augmentation != 'z')
		return 0;
	p++;
	if (!skip_leb(&p, end) || !skip_leb(&p, end) || !skip_leb(&p, end) || !skip_leb(&p, end))
		return 0; /* alignments, return register, length of the augmentation's data */
	for (const char *a = augmentation + 1; *a; a++) {
		if (*a == 'R')
			return p < end ? *p : 0;
		if (*a == 'L')
			p++;
		else if (*a == 'P') {
			uint8_t enc = p < end ? *p++ : 0;

			switch (enc & 0x0f) {
			case 0x03: case 0x0b: p += 4; break;
			case 0x04: case 0x0c: case 0x00: p += 8; break;
			default: return 0;
			}
		} else if (*a != 'S' && *a != 'B')
			return 0;
	}
	return 0;
}

/* The length of the function that this entry (FDE) describes, 0: not told. */
static uint64_t described_len(const struct scan *s, uint64_t addr, uint64_t function)
{
	size_t room;
	const uint8_t *p = elf_bytes(s->elf, addr, &room);

	if (!p || room < 24 || get_i32(p) < 12 || !get_i32(p + 4))
		return 0;
	/* DW_EH_PE_pcrel | sdata4, as compilers write it for this machine */
	if (pointer_encoding(s, addr + 4 - (uint32_t)get_i32(p + 4)) != 0x1b ||
	    addr + 8 + (uint64_t)(int64_t)get_i32(p + 8) != function)
		return 0;
	return (uint32_t)get_i32(p + 12);
}

static bool function_in_table(const struct scan *s, uint64_t addr, uint64_t *begin,
			      uint64_t *len)
{
	size_t low = 0, high = s->table_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->index_addr + (uint64_t)(int64_t)get_i32(s->table + 8 * mid) <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return false;
	*begin = s->index_addr + (uint64_t)(int64_t)get_i32(s->table + 8 * (low - 1));
	*len = described_len(
		s, s->index_addr + (uint64_t)(int64_t)get_i32(s->table + 8 * (low - 1) + 4),
		*begin);
	return addr - *begin < *len;
}

static bool function_by_symbol(struct scan *s, uint64_t addr, uint64_t *begin, uint64_t *len)
{
	size_t low = 0, high;

	if (!s->has_functions)
		s->function_count = elf_functions(s->elf, &s->functions);
	s->has_functions = true;
	high = s->function_count;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->functions[mid].begin <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return false;
	*begin = s->functions[low - 1].begin;
	*len = s->functions[low - 1].len;
	return addr - *begin < *len;
}

static bool function_around(struct scan *s, uint64_t addr, uint64_t *begin, uint64_t *len)
{
	return function_in_table(s, addr, begin, len) || function_by_symbol(s, addr, begin, len) ||
	       go_function(&s->go, addr, begin, len);
}

/* --- judging --- */

static void add(struct scan *s, uint64_t offset, uint8_t kind, bool sure)
{
	if (s->count == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 32;
		struct code_oracle *grown = realloc(s->found, cap * sizeof(*grown));

		if (!grown)
			return;
		s->found = grown;
		s->cap = cap;
	}
	s->found[s->count++] = (struct code_oracle){.offset = offset, .kind = kind, .sure = sure};
}

/* Instructions that do nothing, as compilers put them before what they align. */
static bool is_padding(const uint8_t *p, size_t room)
{
	size_t n = 0;

	while (n < room && p[n] == 0x66)
		n++;
	if (n < room && p[n] == 0x2e)
		n++;
	return (n < room && p[n] == 0x90) || (n + 1 < room && p[n] == 0x0f && p[n + 1] == 0x1f);
}

/* Of the oracle at code[at] in a function of len bytes: the instructions that a jump would cover, if
 * each can be executed elsewhere. */
static uint8_t cover_at(const uint8_t *code, uint64_t at, uint64_t len)
{
	struct insn_oracle other;
	struct insn in;
	uint64_t n = at;
	bool reached = true; /* what follows an unconditional jump is only where it is padding */

	while (n < at + JUMP_LEN) {
		if (!reached && !is_padding(code + n, len - n))
			return 0;
		if (!insn_decode(code + n, len - n, &in) || in.flow >= INSN_CALL ||
		    (n != at && insn_is_oracle(code + n, len - n, &other) && other.kind != ORACLE_PAUSE))
			return 0;
		n += in.len;
		reached = reached && in.flow != INSN_JUMP && in.flow != INSN_LEAVES;
	}
	return (uint8_t)(n - at);
}

enum jumps { JUMPS_NOT, JUMPS_BY_TABLE, JUMPS_ANYWHERE };

/* Whether the instruction jumps to where only the function knows. `before`: the one that precedes it,
 * or NULL. Compilers add an entry of a table to the table's address, directly before the jump. */
static enum jumps jumps_through(const uint8_t *code, const struct insn *in, const uint8_t *before,
				const struct insn *added)
{
	uint8_t modrm = in->modrm_at ? code[in->modrm_at] : 0, sum;
	unsigned to = (modrm & 7u) | (in->rex & REX_B ? 8 : 0), dest;

	if (in->flow != INSN_LEAVES || !in->modrm_at || code[in->modrm_at - 1] != 0xff ||
	    in->rip_at) /* of the linker's table: another function */
		return JUMPS_NOT;
	if (modrm < 0xc0 || !before || added->modrm_at != 2 || !(added->rex & REX_W) ||
	    before[2] < 0xc0)
		return JUMPS_ANYWHERE;
	sum = before[2];
	if (before[1] == 0x01) /* add %reg, %r/m */
		dest = (sum & 7u) | (added->rex & REX_B ? 8 : 0);
	else if (before[1] == 0x03)
		dest = (sum >> 3 & 7u) | (added->rex & REX_R ? 8 : 0);
	else
		return JUMPS_ANYWHERE;
	return dest == to ? JUMPS_BY_TABLE : JUMPS_ANYWHERE;
}

/* Something jumps to this offset: none of found[first ...] may have it between the instructions that
 * a jump is to cover, or in its padding. */
static void forbid_target(struct scan *s, size_t first, uint64_t offset)
{
	for (size_t i = first; i < s->count; i++) {
		uint64_t into = offset - s->found[i].offset;

		if (into && into < s->found[i].cover)
			s->found[i].cover = 0;
		if (s->found[i].pad &&
		    into - SHORT_JUMP_LEN - (uint64_t)(int64_t)s->found[i].pad < JUMP_LEN)
			s->found[i].pad = 0;
	}
}

/* Asked millions of times in a large library: the section headers are read for most answers once. */
static bool in_code(const struct scan *s, uint64_t offset)
{
	const uint8_t *code;
	size_t len;

	for (unsigned n = 0; n < s->code_count; n++)
		if (offset - s->code[n].begin < s->code[n].len)
			return true;
	for (unsigned n = STRETCH_MAX; s->code_count == STRETCH_MAX && elf_code(s->elf, n, &code, &len); n++)
		if (offset - (uint64_t)(code - s->elf->data) < len)
			return true;
	return false;
}

/* The targets of what may be a table of jumps at this address: 32-bit distances from it, into code. */
static void forbid_by_table(struct scan *s, size_t first, uint64_t table, uint64_t addr_to_offset)
{
	size_t room;
	const uint8_t *p = elf_bytes(s->elf, table, &room);

	for (size_t i = 0; p && i < room / 4 && i < TABLE_MAX; i++) {
		uint64_t target = table + (uint64_t)(int64_t)get_i32(p + 4 * i);

		if (!in_code(s, target - addr_to_offset))
			return;
		forbid_target(s, first, target - addr_to_offset);
	}
}

/* The function's own jumps, exactly. */
static void forbid_by_jumps(struct scan *s, size_t first, const uint8_t *code, uint64_t len)
{
	struct insn in;

	for (uint64_t at = 0; at < len && insn_decode(code + at, len - at, &in); at += in.len)
		if (in.rel_len)
			forbid_target(s, first,
				      insn_target(&in, code + at, (uint64_t)(code + at - s->elf->data)));
}

/* All tables that a function, which has been decoded, may jump by: whatever it takes the address of. */
static void forbid_by_tables(struct scan *s, size_t first, const uint8_t *code, uint64_t len,
			     uint64_t addr_to_offset)
{
	struct insn in;

	for (uint64_t at = 0; at < len && insn_decode(code + at, len - at, &in); at += in.len)
		if (in.rip_at && code[at + in.modrm_at - 1] == 0x8d) /* lea */
			forbid_by_table(s, first,
					(uint64_t)(code + at + in.len - s->elf->data) + addr_to_offset +
						(uint64_t)(int64_t)get_i32(code + at + in.rip_at),
					addr_to_offset);
}

/* Five bytes of the padding at code[from ... to) for each oracle in reach that needs them. A jump may
 * cover the beginning of it. */
static void give_pads(struct scan *s, size_t first, const uint8_t *code, uint64_t from, uint64_t to)
{
	uint64_t offset = (uint64_t)(code - s->elf->data);

	for (size_t i = first; i < s->count; i++)
		if (offset + from - s->found[i].offset < s->found[i].cover)
			from = s->found[i].offset + s->found[i].cover - offset;
	for (size_t i = first; i < s->count && from + JUMP_LEN <= to; i++) {
		struct code_oracle *o = &s->found[i];
		int64_t d = (int64_t)(offset + from - o->offset) - SHORT_JUMP_LEN;

		if (o->cover || o->pad || d != (int8_t)d)
			continue;
		o->pad = (int8_t)d;
		from += JUMP_LEN;
	}
}

/* Padding in the function, and up to where the next one is aligned. `room`: bytes at code. */
static void find_pads(struct scan *s, size_t first, const uint8_t *code, uint64_t len, size_t room)
{
	uint64_t at = 0, from = 0, end = (len + ALIGNED - 1) / ALIGNED * ALIGNED;
	bool dead = false; /* since `from` nothing is reached, and all is padding */
	struct insn in;

	for (end = end < room ? end : room; at < end && insn_decode(code + at, end - at, &in);
	     at += in.len) {
		if (dead && is_padding(code + at, end - at))
			continue;
		if (dead)
			give_pads(s, first, code, from, at);
		dead = in.flow == INSN_JUMP || in.flow == INSN_LEAVES;
		from = at + in.len;
		if (at >= len)
			return;
	}
	if (dead)
		give_pads(s, first, code, from, at);
}

/* Decodes code[0 ... len); at its end everywhere: adds those in it. Addresses are addr_to_offset
 * above offsets in the file; `room` bytes of the text are at code. */
static bool decode_function(struct scan *s, const uint8_t *code, uint64_t len, size_t room,
			    uint64_t addr_to_offset)
{
	struct insn_oracle oracle;
	struct insn in;
	size_t before = s->count;
	enum jumps jumps = JUMPS_NOT;
	uint64_t covered = 0, last = 0; /* up to here, by a jump; the instruction before */
	struct insn in_last = {0};

	for (uint64_t at = 0; at < len; last = at, in_last = in, at += in.len) {
		enum jumps here;

		if (!insn_decode(code + at, len - at, &in)) {
			s->count = before;
			return false;
		}
		here = jumps_through(code + at, &in, at ? code + last : NULL, &in_last);
		if (here > jumps)
			jumps = here;
		if (!insn_is_oracle(code + at, len - at, &oracle) || oracle.len != in.len)
			continue;
		if (oracle.kind == ORACLE_PAUSE && at < covered)
			continue; /* it is moved along */
		add(s, (uint64_t)(code + at - s->elf->data), oracle.kind, true);
		if (!s->count)
			continue;
		s->found[s->count - 1].cover = cover_at(code, at, len);
		s->found[s->count - 1].begin = (uint64_t)(code - s->elf->data);
		s->found[s->count - 1].end = (uint64_t)(code - s->elf->data) + len;
		covered = at + s->found[s->count - 1].cover;
	}
	for (unsigned pass = 0; pass < 2 && s->count > before && jumps != JUMPS_ANYWHERE; pass++) {
		forbid_by_jumps(s, before, code, len);
		if (jumps == JUMPS_BY_TABLE)
			forbid_by_tables(s, before, code, len, addr_to_offset);
		if (!pass) /* for those that have no room so far */
			find_pads(s, before, code, len, room);
	}
	for (; jumps == JUMPS_ANYWHERE && before < s->count; before++)
		s->found[before].cover = 0;
	return true;
}

/* Whether what follows uses the result as such instructions' are: the carry flag that says whether
 * there was a number, the counter's halves put together. Few places pass that are none. */
static bool is_used(const uint8_t *p, size_t room, uint8_t kind)
{
	static const uint8_t halves[] = {0x48, 0xc1, 0xe2, 0x20}; /* shl $32, %rdx */

	switch (kind) {
	case ORACLE_RDTSC:
	case ORACLE_RDTSCP:
		return memmem(p, room < 12 ? room : 12, halves, sizeof(halves));
	case ORACLE_RDRAND:
	case ORACLE_RDSEED:
		if (room >= 1 && (p[0] & 0xfe) == 0x72) /* jb, jae */
			return true;
		if (room >= 3 && (p[0] & 0xf0) == 0x40 && p[1] == 0x0f) /* cmovb with REX */
			return (p[2] & 0xfe) == 0x42;
		return room >= 2 && p[0] == 0x0f &&
		       ((p[1] & 0xfe) == 0x42 || (p[1] & 0xfe) == 0x82 || (p[1] & 0xfe) == 0x92);
	}
	return false;
}

/* The bytes at p, within [code, code + len), may be the opcode of one. */
static void judge(struct scan *s, const uint8_t *code, size_t len, const uint8_t *p)
{
	uint64_t offset = (uint64_t)(p - s->elf->data), addr, begin, length;
	struct insn_oracle oracle = {0};
	size_t room;

	if (offset >= s->begin && offset < s->end && s->even)
		return; /* seen, or not an instruction */
	if (!(offset >= s->begin && offset < s->end) && elf_segment(s->elf, offset, &addr) &&
	    function_around(s, addr, &begin, &length) && length <= FUNCTION_MAX &&
	    offset >= addr - begin) {
		const uint8_t *from = elf_bytes(s->elf, begin, &room);

		if (from && from >= code && from <= p && room >= length &&
		    length <= len - (size_t)(from - code)) {
			s->begin = (uint64_t)(from - s->elf->data);
			s->end = s->begin + length;
			s->even = decode_function(s, from, length, len - (size_t)(from - code),
						  begin - s->begin);
			if (s->even)
				return;
		}
	}
	for (const uint8_t *start = p - code > PREFIX_MAX ? p - PREFIX_MAX : code; start <= p; start++)
		if (insn_is_oracle(start, len - (size_t)(start - code), &oracle) &&
		    start + oracle.trap_at - 1 == p) {
			start += oracle.len;
			if (!is_used(start, len - (size_t)(start - code), oracle.kind))
				return;
			start -= oracle.len;
			add(s, (uint64_t)(start - s->elf->data), oracle.kind, false);
			return;
		}
}

static void scan_code(struct scan *s, const uint8_t *code, size_t len)
{
	const __m128i escape = _mm_set1_epi8(0x0f), random = _mm_set1_epi8((char)0xc7);
	const __m128i tsc = _mm_set1_epi8(0x31), group7 = _mm_set1_epi8(0x01);
	const __m128i cpuid = _mm_set1_epi8((char)0xa2);
	const __m128i rep = _mm_set1_epi8((char)0xf3), nop = _mm_set1_epi8((char)0x90);
	size_t at = 0;

	for (; at + 17 <= len; at += 16) {
		__m128i a = _mm_loadu_si128((const void *)(code + at));
		__m128i b = _mm_loadu_si128((const void *)(code + at + 1));
		__m128i second = _mm_or_si128(
			_mm_or_si128(_mm_cmpeq_epi8(b, random), _mm_cmpeq_epi8(b, tsc)),
			_mm_or_si128(_mm_cmpeq_epi8(b, group7), _mm_cmpeq_epi8(b, cpuid)));
		unsigned hits = (unsigned)_mm_movemask_epi8(_mm_or_si128(
			_mm_and_si128(_mm_cmpeq_epi8(a, escape), second),
			_mm_and_si128(_mm_cmpeq_epi8(a, rep), _mm_cmpeq_epi8(b, nop))));

		for (; hits; hits &= hits - 1) {
			const uint8_t *p = code + at + __builtin_ctz(hits);
			struct insn_oracle oracle;

			if (insn_is_oracle(p, len - (size_t)(p - code), &oracle))
				judge(s, code, len, p);
		}
	}
	for (; at + 2 <= len; at++) {
		struct insn_oracle oracle;

		if (insn_is_oracle(code + at, len - at, &oracle))
			judge(s, code, len, code + at);
	}
}

/* --- who jumps there --- */

/* There may be a jump to this offset: none of the kind may lead between the instructions that a jump
 * is to cover. */
static void forbid(struct scan *s, uint64_t to)
{
	size_t low = 0, high = s->count;

	while (low < high) { /* the last one before `to` */
		size_t mid = (low + high) / 2;

		if (s->found[mid].offset < to)
			low = mid + 1;
		else
			high = mid;
	}
	if (low && to - s->found[low - 1].offset < s->found[low - 1].cover)
		s->found[low - 1].cover = 0;
}

/* Every near jump or call, at any byte: some are none, which costs a signal more, no harm. */
static void look_for_jumps(struct scan *s, const uint8_t *code, size_t len)
{
	const __m128i call = _mm_set1_epi8((char)0xe8), jump = _mm_set1_epi8((char)0xe9);
	const __m128i escape = _mm_set1_epi8(0x0f), high = _mm_set1_epi8((char)0xf0);
	const __m128i branch = _mm_set1_epi8((char)0x80);
	uint64_t offset = (uint64_t)(code - s->elf->data);

	for (size_t at = 0; at + 17 + 5 <= len; at += 16) {
		__m128i a = _mm_loadu_si128((const void *)(code + at));
		__m128i b = _mm_loadu_si128((const void *)(code + at + 1));
		unsigned direct = (unsigned)_mm_movemask_epi8(
			_mm_or_si128(_mm_cmpeq_epi8(a, call), _mm_cmpeq_epi8(a, jump)));
		unsigned hits = direct | (unsigned)_mm_movemask_epi8(_mm_and_si128(
						 _mm_cmpeq_epi8(a, escape),
						 _mm_cmpeq_epi8(_mm_and_si128(b, high), branch)));

		for (; hits; hits &= hits - 1) {
			unsigned n = (unsigned)__builtin_ctz(hits), op = direct >> n & 1 ? 1 : 2;

			forbid(s, offset + at + n + op + 4 +
					  (uint64_t)(int64_t)get_i32(code + at + n + op));
		}
	}
}

/* Short jumps, around each oracle, but for those of its own function, which are known. */
static void look_around(struct scan *s, const uint8_t *code, size_t len)
{
	uint64_t start = (uint64_t)(code - s->elf->data), end = start + len;

	for (size_t i = 0; i < s->count; i++) {
		uint64_t at = s->found[i].offset, to = at + 128 + JUMP_LEN + INSN_MAX_LEN;

		if (at < start || at >= end || !s->found[i].cover)
			continue;
		to = to + 2 < end ? to : end - 2;
		for (uint64_t from = at - start > 130 ? at - 130 : start; from < to; from++) {
			const uint8_t *p = s->elf->data + from;

			if (from >= s->found[i].begin && from < s->found[i].end)
				continue;
			if ((p[0] & 0xf0) == 0x70 || p[0] == 0xeb || (p[0] & 0xfc) == 0xe0)
				forbid(s, from + 2 + (uint64_t)(int64_t)(int8_t)p[1]);
		}
	}
}

static int by_offset(const void *a, const void *b)
{
	const struct code_oracle *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

size_t code_scan(const struct elf_file *elf, bool jumps, struct code_oracle **found)
{
	struct scan s = {.elf = elf};
	const uint8_t *code;
	uint64_t base = 0;
	size_t len, kept = 0;

	open_table(&s);
	go_table_open(&s.go, elf);
	for (; s.code_count < STRETCH_MAX && elf_code(elf, s.code_count, &code, &len); s.code_count++)
		s.code[s.code_count] = (struct elf_span){
		    .begin = (uint64_t)(code - elf->data), .len = len};
	for (unsigned n = 0; elf_code(elf, n, &code, &len); n++)
		scan_code(&s, code, len);
	if (s.count)
		qsort(s.found, s.count, sizeof(*s.found), by_offset);
	/* functions may overlap */
	for (size_t i = 0; i < s.count; i++)
		if (!kept || s.found[kept - 1].offset != s.found[i].offset)
			s.found[kept++] = s.found[i];
		else
			s.found[kept - 1].sure |= s.found[i].sure;
	s.count = kept;
	for (size_t i = 0; i < kept && !jumps; i++)
		s.found[i].cover = s.found[i].pad = 0;
	for (unsigned n = 0; jumps && kept && elf_code(elf, n, &code, &len); n++) {
		uint64_t offset = (uint64_t)(code - elf->data), addr = 0;

		/* distances are those of offsets only within one segment */
		if (!elf_segment(elf, offset, &addr) || (n && addr - offset != base))
			for (size_t i = 0; i < kept; i++)
				s.found[i].cover = 0;
		base = addr - offset;
	}
	for (unsigned n = 0; jumps && kept && elf_code(elf, n, &code, &len); n++) {
		look_for_jumps(&s, code, len);
		if (len > 2)
			look_around(&s, code, len);
	}
	free(s.functions);
	*found = s.found;
	return kept;
}
