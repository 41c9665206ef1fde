/*
 * What the trap (trap.c) and the moved vDSO (clock.c) know of each other. Safe in signal handlers;
 * no locks, no allocation.
 */
#ifndef DEJA_PRELOAD_CLOCK_H
#define DEJA_PRELOAD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* At the process's start, with dispatch armed: the recorder reads the clocks by the moved vDSO's
 * functions from here on if they need no system call for it. */
void clock_try(void);

/* Is rip in the moved vDSO's code? */
bool clock_is_moved(uint64_t rip);

#endif
