/*
 * Memory that a call writes besides what its row names, where its own arguments say which.
 */
#ifndef DEJA_PRELOAD_BESIDE_H
#define DEJA_PRELOAD_BESIDE_H

#include "runtime.h"

struct memory_room {
	uint64_t addr, len; /* len 0: nowhere */
};
/* Before the call: where it may write, at the most. After it, if it has succeeded: what it wrote. */
struct memory_room memory_beside(long nr, const unsigned long args[6], bool after);

#endif
