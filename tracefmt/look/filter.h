/*
 * A filter's inside, for filter.c and iterate.c, which reads no more than a filter lets pass.
 */
#ifndef DEJA_TRACEFMT_LOOK_FILTER_H
#define DEJA_TRACEFMT_LOOK_FILTER_H

#include "tracefmt/look/look.h"

enum look_key {
	LOOK_KEY_CALL,
	LOOK_KEY_CLASS,
	LOOK_KEY_PID,
	LOOK_KEY_TID,
	LOOK_KEY_PROCESS,
	LOOK_KEY_FD,
	LOOK_KEY_IO,
	LOOK_KEY_PEER,
	LOOK_KEY_PATH,
	LOOK_KEY_RESULT,
	LOOK_KEY_ERRNO,
	LOOK_KEY_RANGE,
	LOOK_KEY_COUNT
};

enum look_compare {
	LOOK_EQUAL,
	LOOK_BELOW,
	LOOK_ABOVE,
	LOOK_AT_MOST,
	LOOK_AT_LEAST,
	LOOK_OK,
	LOOK_ERROR
};

struct look_value {
	int64_t a;
	enum look_compare compare; /* results */
	char *text;		   /* peers and paths */
	bool pattern;
};

/* The values of one key. */
struct look_list {
	struct look_value *value;
	size_t count;
	bool negated;
};

struct deja_filter {
	deja_recording *rec;
	struct look_list list[LOOK_KEY_COUNT];
	bool has_range;
	struct deja_range range;
};

#endif
