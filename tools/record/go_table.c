/*
 * See go_table.h. The table's head, as the Go linker writes it (debug/gosym reads it, too):
 * a magic number by version, two zeros, the instructions' quantum, the pointers' size; then words:
 * the count of functions and of files, since 1.18 the text's address, four offsets, and
 * that of the functions' table.
 */
#include <string.h>
#include "tools/record/go_table.h"

enum {
	GO_1_16 = 0xfffffffa,
	GO_1_18 = 0xfffffff0,
	GO_1_20 = 0xfffffff1,
	HEAD_LEN = 8,
	WORD_LEN = 8,
	TEXT_WORD = 2, /* numbers of words behind the head */
	TABLE_WORD_1_16 = 6,
	TABLE_WORD = 7,
};

static uint64_t number(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;

	memcpy(&v, p, width);
	return v;
}

/* What begins as a table does, and so much of it that its numbers can be read. */
static bool is_table(const uint8_t *p, size_t len)
{
	uint64_t magic;

	if (len < HEAD_LEN + (TABLE_WORD + 1) * WORD_LEN)
		return false;
	magic = number(p, 4);
	return (magic == GO_1_16 || magic == GO_1_18 || magic == GO_1_20) && !p[4] && !p[5] && p[6] == 1 &&
	       p[7] == WORD_LEN;
}

/*
 * The table has a section of its own where Go's linker made the file, and where the system's made
 * one that is not position independent. Of the others the system's linker puts it into .data.rel.ro.
 */
static const uint8_t *find_table(const struct elf_file *elf, size_t *len)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
	const uint8_t *p;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((p = elf_section(elf, names[i], len)))
			return is_table(p, *len) ? p : NULL;
	p = elf_section(elf, ".data.rel.ro", len);
	for (; p && *len >= WORD_LEN; p += WORD_LEN, *len -= WORD_LEN)
		if (is_table(p, *len))
			return p;
	return NULL;
}

void go_table_open(struct go_table *g, const struct elf_file *elf)
{
	const uint8_t *p;
	uint64_t offset;
	size_t len = 0;
	bool old;

	*g = (struct go_table){0};
	p = find_table(elf, &len);
	if (!p)
		return;
	old = number(p, 4) == GO_1_16;
	offset = number(p + HEAD_LEN + (old ? TABLE_WORD_1_16 : TABLE_WORD) * WORD_LEN, WORD_LEN);
	if (offset > len)
		return;
	g->width = old ? 8 : 4;
	g->base = old ? 0 : number(p + HEAD_LEN + TEXT_WORD * WORD_LEN, WORD_LEN);
	g->entries = p + offset;
	g->count = number(p + HEAD_LEN, WORD_LEN);
	if (g->count >= (len - offset) / (2 * g->width))
		g->count = 0;
}

static uint64_t begin_of(const struct go_table *g, size_t i)
{
	return g->base + number(g->entries + 2 * g->width * i, g->width);
}

bool go_function(const struct go_table *g, uint64_t addr, uint64_t *begin, uint64_t *len)
{
	size_t low = 0, high = g->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (begin_of(g, mid) <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return false;
	*begin = begin_of(g, low - 1);
	*len = begin_of(g, low) - *begin;
	return addr - *begin < *len;
}
