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

/* A call that writes to a file, which may be memory (/proc/PID/mem). */
struct file_write {
	bool vector; /* args[1] is a vector of args[2]; else args[2] bytes */
	bool placed; /* at args[3]; else where the descriptor stands */
};
/* False: the call is none. */
bool file_write_of(long nr, const unsigned long args[6], struct file_write *w);

/* An ioctl whose request no row names and whose number does not say what it writes. As much as this may be
 * written where its argument points. */
enum { IOCTL_UNTOLD_MAX = 1024 };
bool ioctl_is_untold(const unsigned long args[6]);

#endif
