/*
 * The program's calls on memory that is the runtime's.
 */
#ifndef DEJA_PRELOAD_OWN_MEMORY_H
#define DEJA_PRELOAD_OWN_MEMORY_H

#include "runtime.h"

/* Does this call move, protect, advise or take away memory, by its address? */
bool own_memory_concerned(long nr);
/* Is some of it the runtime's? */
bool own_memory_holds(uint64_t from, uint64_t to);
/* Is it, with these arguments, one on the runtime's memory? */
bool own_memory_touched(long nr, const unsigned long args[6]);
/* The same; then *result is what the kernel answers where nothing is mapped, and what the call
 * does to the memory beside it is done. */
bool own_memory_call(long nr, const unsigned long args[6], long *result);

#endif
