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

void go_table_open(struct go_table *g, const struct elf_file *elf)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
	const uint8_t *p = NULL;
	uint64_t magic, offset;
	size_t len = 0;
	bool old;

	*g = (struct go_table){0};
	for (unsigned i = 0; !p && i < 2; i++)
		p = elf_section(elf, names[i], &len);
	if (!p || len < HEAD_LEN + (TABLE_WORD + 1) * WORD_LEN)
		return;
	magic = number(p, 4);
	old = magic == GO_1_16;
	if ((!old && magic != GO_1_18 && magic != GO_1_20) || p[4] || p[5] || p[6] != 1 || p[7] != WORD_LEN)
		return;
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
