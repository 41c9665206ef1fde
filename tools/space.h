/*
 * What files a process has mapped where, as its recording tells: for unwinding stacks without
 * the process.
 */
#ifndef DEJA_TOOLS_SPACE_H
#define DEJA_TOOLS_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tracefmt/deja.h"

struct space_map {
	uint64_t start, end; /* addresses */
	uint64_t offset;     /* in the file */
	uint32_t file;	     /* stored file, 0: none was stored */
	bool runtime;	     /* deja's own object */
};

/* Zero it first. */
struct space {
	struct space_map *map; /* in no order, without overlaps */
	size_t count, room;
	uint32_t next_file; /* of the next mmap */
	unsigned changes;   /* goes up with every change */
};

/* Takes in the next event of the process's stream. False when memory is out. */
bool space_feed(struct space *s, const struct deja_event *ev);
/* Adds a mapping that overlaps none. False when memory is out. */
bool space_add(struct space *s, struct space_map map);
/* The mapping an address is in, or NULL. */
const struct space_map *space_find(const struct space *s, uint64_t addr);
bool space_copy(struct space *to, const struct space *from);
void space_free(struct space *s);

#endif
