/*
 * Counts of events by a key: how many, errors, bytes, and how long they took. For `deja stat`.
 * Memory grows with the number of keys, not of events: times are kept in a histogram whose
 * buckets are at most 1/64 wide.
 */
#ifndef DEJA_TOOLS_TALLY_H
#define DEJA_TOOLS_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TALLY_ROWS = 58, TALLY_COLUMNS = 128 };

struct tally {
	char *key;
	uint64_t count, error_count, in_len, out_len;
	int64_t total_ns, max_ns;
	uint64_t *row[TALLY_ROWS]; /* counts by time, rows made when needed */
	struct tally *next;	   /* of the same hash */
};

struct tallies {
	struct tally **slot;
	size_t slot_count, count;
	bool no_memory;
};

/* The tally of this key, made if there is none; NULL when there is no memory. */
struct tally *tally_of(struct tallies *t, const char *key);
/* The one there is, or NULL. */
const struct tally *tally_find(const struct tallies *t, const char *key);
/* Counts one time. */
void tally_time(struct tallies *t, struct tally *one, int64_t ns);
/* The time that this share (0 ... 1) of them did not exceed: of the bucket's middle, never more
 * than the longest. */
int64_t tally_quantile(const struct tally *one, double share);
/* All of them, the longest total first; by count, then key, where that is the same. Malloc'd
 * array, NULL without memory. */
const struct tally **tallies_sorted(const struct tallies *t);
void tallies_free(struct tallies *t);

#endif
