/*
 * See tally.h.
 */
#include <stdlib.h>
#include <string.h>
#include "tools/read/tally.h"

static size_t hash(const char *key)
{
	uint64_t h = 14695981039346656037ull;

	for (; *key; key++)
		h = (h ^ (uint8_t)*key) * 1099511628211ull;
	return (size_t)(h ^ h >> 32);
}

static bool grow(struct tallies *t)
{
	size_t count = t->slot_count ? 2 * t->slot_count : 256;
	struct tally **slot = calloc(count, sizeof(struct tally *));

	if (!slot)
		return false;
	for (size_t i = 0; i < t->slot_count; i++)
		while (t->slot[i]) {
			struct tally *one = t->slot[i];
			size_t at = hash(one->key) & (count - 1);

			t->slot[i] = one->next;
			one->next = slot[at];
			slot[at] = one;
		}
	free(t->slot);
	t->slot = slot;
	t->slot_count = count;
	return true;
}

const struct tally *tally_find(const struct tallies *t, const char *key)
{
	const struct tally *one =
	    t->slot_count ? t->slot[hash(key) & (t->slot_count - 1)] : NULL;

	while (one && strcmp(one->key, key))
		one = one->next;
	return one;
}

struct tally *tally_of(struct tallies *t, const char *key)
{
	struct tally *one = (struct tally *)tally_find(t, key);
	size_t at;

	if (one)
		return one;
	if (t->count >= t->slot_count && !grow(t)) {
		t->no_memory = true;
		return NULL;
	}
	one = calloc(1, sizeof(*one));
	if (one)
		one->key = strdup(key);
	if (!one || !one->key) {
		free(one);
		t->no_memory = true;
		return NULL;
	}
	at = hash(key) & (t->slot_count - 1);
	one->next = t->slot[at];
	t->slot[at] = one;
	t->count++;
	return one;
}

/* Below 128 ns a bucket each; above, 128 for every doubling, the upper 64 of which are used. */
static void bucket_of(uint64_t ns, unsigned *row, unsigned *column)
{
	unsigned shift = ns < TALLY_COLUMNS ? 0 : 57 - (unsigned)__builtin_clzll(ns);

	*row = shift;
	*column = (unsigned)(ns >> shift);
}

void tally_time(struct tallies *t, struct tally *one, int64_t ns)
{
	unsigned row, column;

	if (ns < 0)
		ns = 0;
	one->total_ns += ns;
	if (ns > one->max_ns)
		one->max_ns = ns;
	bucket_of((uint64_t)ns, &row, &column);
	if (!one->row[row])
		one->row[row] = calloc(TALLY_COLUMNS, sizeof(uint64_t));
	if (one->row[row])
		one->row[row][column]++;
	else
		t->no_memory = true;
}

int64_t tally_quantile(const struct tally *one, double share)
{
	uint64_t rank = (uint64_t)(share * (double)one->count + 0.999999), seen = 0;

	if (!rank)
		rank = 1;
	for (unsigned row = 0; row < TALLY_ROWS; row++)
		for (unsigned column = 0; one->row[row] && column < TALLY_COLUMNS; column++) {
			int64_t middle = (int64_t)(((uint64_t)column << row) +
						   (row ? (1ull << row) / 2 : 0));

			seen += one->row[row][column];
			if (seen >= rank)
				return middle < one->max_ns ? middle : one->max_ns;
		}
	return one->max_ns;
}

static int compare(const void *a, const void *b)
{
	const struct tally *x = *(const struct tally *const *)a;
	const struct tally *y = *(const struct tally *const *)b;

	if (x->total_ns != y->total_ns)
		return x->total_ns > y->total_ns ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->key, y->key);
}

const struct tally **tallies_sorted(const struct tallies *t)
{
	const struct tally **sorted = calloc(t->count + 1, sizeof(*sorted));
	size_t n = 0;

	for (size_t i = 0; sorted && i < t->slot_count; i++)
		for (const struct tally *one = t->slot[i]; one; one = one->next)
			sorted[n++] = one;
	if (n)
		qsort(sorted, n, sizeof(*sorted), compare);
	return sorted;
}

void tallies_free(struct tallies *t)
{
	for (size_t i = 0; i < t->slot_count; i++)
		while (t->slot[i]) {
			struct tally *one = t->slot[i];

			t->slot[i] = one->next;
			for (unsigned row = 0; row < TALLY_ROWS; row++)
				free(one->row[row]);
			free(one->key);
			free(one);
		}
	free(t->slot);
	memset(t, 0, sizeof(*t));
}
