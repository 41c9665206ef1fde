/*
 * Giving a process back: detach.c.
 */
#ifndef DEJA_PRELOAD_DETACH_H
#define DEJA_PRELOAD_DETACH_H

#include "runtime.h"

/* Under the token or where recording has ended, between two calls, with no signal pending. When t
 * is the only thread, nothing of ours is met any more: instructions, vDSO, signals and hooks are
 * as without us. Of several, each only loses its dispatch when it comes here: what the others need
 * stays. */
void detach(struct thread *t);
/* Their part of it: patch.c, clock.c, oracles.c. */
void patch_undo(void);
void clock_undo(void);
void oracles_undo(void);

#endif
