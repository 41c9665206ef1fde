/*
 * How hard the supervisor works, and how thoroughly it compresses therefore. One per supervisor,
 * one thread.
 */
#ifndef DEJA_TOOLS_LOAD_H
#define DEJA_TOOLS_LOAD_H

#include <stdbool.h>
#include <stdint.h>

struct load {
	int64_t start_ns, idle_ns; /* of the window being measured */
	uint64_t starved_ns;	   /* until its start, as the kernel counts it */
	uint64_t waited_ns;	   /* and what writers had waited */
	unsigned step;
};

/* The recording begins. */
void load_begin(struct load *l, int64_t now_ns);
/* It has slept so long. */
void load_slept(struct load *l, int64_t ns);
/* Called once a round. waited_ns: how long writers have waited for room, since the start. */
void load_look(struct load *l, int64_t now_ns, uint64_t waited_ns);
/* The zstd level that fits. */
int load_level(const struct load *l);

#endif
