/*
 * The recorder: memory that calls of others, which are being made, may write to: other threads, and
 * what is shared with other processes.
 */
#ifndef DEJA_RECORD_FLIGHT_H
#define DEJA_RECORD_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct thread;

enum { FLIGHT_MAX = 128 };
struct flights {
	bool unknown; /* there is more than the ranges */
	uint32_t count;
	struct {
		uint64_t from, to;
	} range[FLIGHT_MAX];
};

/* Of all but self, which holds the token. */
void flights_find(struct flights *f, const struct thread *self);
/* Whether these bytes are among them. */
bool flights_touch(const struct flights *f, uint64_t addr, uint64_t len);

#endif
