/*
 * The recorder: memory that does not tell a stopped thread's state. What calls of others, which are
 * being made, may write to: other threads, and what is shared with other processes. And garbage: what
 * lies below the threads' stack pointers, and on alternate signal stacks, where signals' frames were.
 */
#ifndef DEJA_RECORD_FLIGHT_H
#define DEJA_RECORD_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct thread;

enum { FLIGHT_MAX = 128, GARBAGE_MAX = 512 };
struct memory_range {
	uint64_t from, to;
};
struct flights {
	bool unknown; /* there is more than the ranges */
	uint32_t count, garbage_count;
	struct memory_range range[FLIGHT_MAX];
	struct memory_range garbage[GARBAGE_MAX];
};

/* Of all but self, which holds the token; garbage of all. */
void flights_find(struct flights *f, const struct thread *self);
/* Whether these bytes are among them. */
bool flights_touch(const struct flights *f, uint64_t addr, uint64_t len);
/* Whether some of these bytes, which are not on self's own stack, are garbage. */
bool flights_garbage(const struct flights *f, uint64_t addr, uint64_t len);

#endif
