/*
 * Processes that share another's memory and its stream (preload/session.h, slot.guest), and may outlive
 * it. Called by the supervisors of recordings and replays, and by recover.
 */
#ifndef DEJA_TOOLS_GUESTS_H
#define DEJA_TOOLS_GUESTS_H

#include <stdbool.h>
#include <sys/types.h>
#include "preload/session.h"

/* Whether any of the slot's guests may still write to it. lives: whether this pid, as a process knows
 * itself, does; NULL: session_pid_lives. coming: those count that have not said who they are yet. */
bool guests_live(struct session *s, const struct slot *slot, bool coming, bool (*lives)(void *, pid_t),
		 void *arg);

#endif
