/*
 * The recorder: memory that a stopped computation reaches. Rounds of a loop that differ only in what
 * the program has mapped (the heap of a virtual machine) are told apart by what counts them there,
 * and that can be got at from what is compared anyway: the words that were worked on, the registers,
 * the stack. So these are followed, as pointers and as references of 32 bits, and what they lead to
 * is followed once more; each time the LINE_LEN bytes around become an area.
 *
 * Whatever is added must be the same in a replay, though the program may never look at it: a stop
 * whose place has a single byte that differs is not found at all. Left out are therefore
 * - what others write meanwhile: calls that are being made, and all that is shared; and what lies
 *   below every thread's stack pointer, and on alternate signal stacks: what signals leave (flights);
 * - what was mapped when the program began, but for its data and its heap: the dynamic linker's lists,
 *   where our object is another one in a replay, the kernel's clock pages, the first stack;
 * - text, in which calls are replaced when they are first made, and our stubs.
 *
 * Called in signal handlers, by the token's holder.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include "record.h"
#include "areas.h"
#include "preload/patch.h"

enum {
	LINE_LEN = 64,
	LINES_MAX = 256, /* looked at; as many as there is room for become areas */
	LINE_SLOTS = 512,
	BATCH = 32, /* lines read at once */
	LEVELS = 2, /* beyond what is compared anyway */
	OBJECT_HEAD = 32, /* what is pointed at may be in use as far */
	STACK_ROOTS = 128, /* words */
	PAGE_SLOTS = 256,
	VAIN_WORDS = 100, /* pages asked for that are not there, each a fault of the kernel's; */
	VAIN_REFERENCES = 50, /* for references, since most numbers are none, only up to here */
	LOWEST = 1 << 16, /* mmap_min_addr */
	FIRST_STACK_LEN = 128 << 20, /* the kernel leaves so much below the first stack's end */
};

struct reach {
	const struct k_mcontext *mc;
	const struct flights *others;
	uint64_t stack_end;
	uint32_t line_count, new_count, room, vain, pool_count;
	uint64_t line[LINES_MAX];
	bool compared[LINES_MAX]; /* among areas already */
	uint16_t slots[LINE_SLOTS]; /* 1 + index of a line */
	uint64_t pages[PAGE_SLOTS]; /* asked for: the page + 2, + 1 if it can be read */
	struct memory_range pool[STUB_POOL_MAX];
};

/* --- text --- */

static uint64_t distance(uint64_t from, uint64_t to, uint64_t other_from, uint64_t other_to)
{
	return from > other_to ? from - other_to : other_from > to ? other_from - to : 0;
}

void reach_code(uint64_t addr, uint64_t len)
{
	uint64_t from = addr & ~4095ull, to = (addr + len + 4095) & ~4095ull, best = UINT64_MAX;
	unsigned near = 0;

	if (to <= from)
		return;
	for (unsigned i = 0; i < RT->code_count; i++) {
		uint64_t gap = distance(from, to, RT->code[i].from, RT->code[i].to);

		if (gap < best) {
			best = gap;
			near = i;
		}
	}
	if (best && RT->code_count < CODE_MAX) {
		RT->code[RT->code_count].from = from;
		RT->code[RT->code_count++].to = to;
		return;
	}
	/* too many to tell: what lies between is taken for text, too */
	if (from < RT->code[near].from)
		RT->code[near].from = from;
	if (to > RT->code[near].to)
		RT->code[near].to = to;
}

void reach_protect(long nr, const unsigned long args[6])
{
	if ((nr == SYS_mprotect || nr == SYS_pkey_mprotect) && (args[2] & PROT_EXEC))
		reach_code(args[0], args[1]);
}

static bool is_code(uint64_t at)
{
	for (unsigned i = 0; i < RT->code_count; i++)
		if (at >= RT->code[i].from && at < RT->code[i].to)
			return true;
	return false;
}

/* --- what is left out --- */

static void find_pools(struct reach *r)
{
	for (unsigned i = 0; i < STUB_POOL_MAX; i++) {
		struct memory_range pool;

		patch_pool_range(i, &pool.from, &pool.to);
		if (pool.to)
			r->pool[r->pool_count++] = pool;
	}
}

/* Whether this was mapped when the program began, and is not its data. */
static bool is_from_start(uint64_t at)
{
	const struct mappings *maps = &RT->maps;
	uint32_t lo = 0, hi = maps->count;

	if (at >= PREEMPT->data_from && at < PREEMPT->data_to)
		return false;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (at >= maps->of[mid].to)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < maps->count && at >= maps->of[lo].from;
}

static bool may_follow(const struct reach *r, uint64_t at)
{
	return at >= LOWEST && areas_may_tell(r->mc, at) &&
	       (at < r->mc->rsp - RED_ZONE_LEN || at >= r->stack_end) &&
	       at - (RT->start_sp - FIRST_STACK_LEN) >= FIRST_STACK_LEN && !is_from_start(at) &&
	       !is_code(at);
}

static bool is_left_out(const struct reach *r, uint64_t line)
{
	for (uint32_t i = 0; i < r->pool_count; i++)
		if (line < r->pool[i].to && line + LINE_LEN > r->pool[i].from)
			return true;
	return flights_touch(r->others, line, LINE_LEN) || flights_garbage(r->others, line, LINE_LEN);
}

/* --- following --- */

static bool is_mapped(struct reach *r, uint64_t at, uint32_t vain_max)
{
	uint64_t page = at & ~4095ull;
	uint64_t *known = &r->pages[(at >> 12) % PAGE_SLOTS];
	uintptr_t none = 1;

	if ((*known & ~4095ull) == page && *known & 2)
		return *known & 1;
	if (r->vain >= vain_max)
		return false;
	*known = page | 2 | dj_readable((const void *)at, 1, &none);
	r->vain += !(*known & 1);
	return *known & 1;
}

static bool is_compared(uint64_t line)
{
	const struct preempt_state *s = PREEMPT;

	for (uint32_t i = 0; i < s->area_count; i++)
		if (line >= s->areas[i].addr &&
		    line + LINE_LEN <= s->areas[i].addr + s->areas[i].len)
			return true;
	return false;
}

static void add_line(struct reach *r, uint64_t line)
{
	uint32_t i = (uint32_t)(line * 0x9e3779b97f4a7c15ull >> 55);

	for (; r->slots[i]; i = (i + 1) % LINE_SLOTS)
		if (r->line[r->slots[i] - 1] == line)
			return;
	if (is_left_out(r, line))
		return;
	r->compared[r->line_count] = is_compared(line);
	r->new_count += !r->compared[r->line_count];
	r->line[r->line_count] = line;
	r->slots[i] = (uint16_t)++r->line_count;
}

static bool leads(struct reach *r, uint64_t at, uint32_t vain_max)
{
	return r->line_count < LINES_MAX && r->new_count < r->room && may_follow(r, at) &&
	       is_mapped(r, at, vain_max);
}

/* False: that is no pointer. */
static bool follow(struct reach *r, uint64_t at, uint32_t vain_max)
{
	uint64_t line = at & ~(uint64_t)(LINE_LEN - 1);

	if (!leads(r, at, vain_max))
		return false;
	add_line(r, line);
	if (at + OBJECT_HEAD - line >= LINE_LEN && leads(r, line + LINE_LEN, vain_max))
		add_line(r, line + LINE_LEN);
	return true;
}

/* A word that may be a pointer, or two references; these count in bytes, or in units of eight. */
static void follow_word(struct reach *r, uint64_t word)
{
	if (follow(r, word, VAIN_WORDS))
		return;
	for (unsigned i = 0; i < 2; i++, word >>= 32)
		if ((uint32_t)word >= LOWEST && !follow(r, (uint32_t)word, VAIN_REFERENCES))
			follow(r, (uint64_t)(uint32_t)word << 3, VAIN_REFERENCES);
}

/* The lines from `first` on, up to `last`: how many could be read. */
static uint32_t read_lines(struct reach *r, uint32_t first, uint32_t last, uint8_t *bytes)
{
	struct k_iovec local = {bytes, BATCH * LINE_LEN}, remote[BATCH];
	uint32_t count = last - first < BATCH ? last - first : BATCH;
	long n;

	for (uint32_t i = 0; i < count; i++)
		remote[i] = (struct k_iovec){(uint8_t *)r->line[first + i], LINE_LEN};
	n = dj_raw(SYS_process_vm_readv, dj_own_pid(), &local, 1, remote, count, 0);
	return n > 0 ? (uint32_t)n / LINE_LEN : 0;
}

static void add_area(const struct reach *r, uint32_t i, const uint8_t *bytes)
{
	struct preempt_state *s = PREEMPT;
	struct preempt_area *a = &s->areas[s->area_count];

	if (r->compared[i] || s->area_count >= PREEMPT_AREA_MAX)
		return;
	a->addr = r->line[i];
	a->len = LINE_LEN;
	a->digest = preempt_piece_digest(0, bytes, LINE_LEN);
	s->area_count++;
}

/* The lines from `first` to `last`, and what they lead to if there is to be more. */
static void take_level(struct reach *r, uint32_t first, uint32_t last, bool more)
{
	uint8_t bytes[BATCH * LINE_LEN] = {0};

	while (first < last) {
		uint32_t n = read_lines(r, first, last, bytes);

		for (uint32_t i = 0; i < n; i++) {
			const uint64_t *word = (const uint64_t *)(bytes + i * LINE_LEN);

			add_area(r, first + i, bytes + i * LINE_LEN);
			for (unsigned k = 0; more && k < LINE_LEN / 8; k++)
				follow_word(r, word[k]);
		}
		first += n ? n : 1; /* one that cannot be read */
	}
}

static void add_roots(struct reach *r)
{
	const struct preempt_state *s = PREEMPT;
	const uint64_t *reg = (const uint64_t *)r->mc;
	uint64_t stack[STACK_ROOTS - STACK_WORDS], from = (r->mc->rsp & ~7ull) + 8 * STACK_WORDS;

	for (unsigned i = 0; i < POINTER_COUNT; i++)
		follow_word(r, reg[i]);
	for (uint32_t i = 0; i < s->word_count; i++)
		if (s->words[i].addr >= WORD_LAST) {
			follow(r, s->words[i].addr, VAIN_WORDS);
			follow_word(r, s->words[i].value);
		}
	if (from + sizeof(stack) > r->stack_end || !dj_read_user(stack, (const void *)from, sizeof(stack)))
		return;
	for (unsigned i = 0; i < sizeof(stack) / 8; i++)
		follow_word(r, stack[i]);
}

void reach_collect(const struct k_mcontext *mc, const struct flights *others)
{
	struct reach r = {.mc = mc, .others = others};
	uint32_t first = 0;

	if (!RT->maps.count)
		return;
	find_pools(&r);
	r.stack_end = areas_stack_end(mc);
	r.room = PREEMPT_AREA_MAX - PREEMPT->area_count;
	add_roots(&r);
	for (unsigned level = 1; level <= LEVELS; level++) {
		uint32_t last = r.line_count;

		take_level(&r, first, last, level < LEVELS);
		first = last;
	}
}
