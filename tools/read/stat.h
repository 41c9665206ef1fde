/*
 * What `deja stat` shares with its comparison of two recordings.
 */
#ifndef DEJA_TOOLS_STAT_H
#define DEJA_TOOLS_STAT_H

#include "tools/select.h"
#include "tools/read/tally.h"

enum stat_by { STAT_BY_CALL, STAT_BY_PEER, STAT_BY_PATH, STAT_BY_PROCESS, STAT_BY_CLASS };

enum { STAT_SLOWEST_MAX = 1000 };

/* One of the slowest calls. */
struct stat_slow {
	int64_t dur_ns, time_ns;
	uint32_t stream;
	int32_t pid;
	uint64_t number;
	unsigned id;
};

struct stat_result {
	struct tallies tallies;
	uint64_t count, error_count;
	int64_t total_ns, duration_ns; /* of the run, or of the range */
	struct stat_slow slow[STAT_SLOWEST_MAX]; /* the slowest first */
	size_t slow_count, slow_max;
};

/* `deja stat --compare`: where the recordings' calls part first, and which keys differ most. The
 * exit status. */
int stat_compare(deja_recording *a, deja_recording *b, const struct stat_result *in_a,
		 const struct stat_result *in_b, size_t most, bool json);

#endif
