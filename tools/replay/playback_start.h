/*
 * The beginning of a playback: what the replaying processes find, and the first of them.
 */
#ifndef DEJA_TOOLS_PLAYBACK_START_H
#define DEJA_TOOLS_PLAYBACK_START_H

#include "tools/replay/playback.h"

/* What the processes of the replay open: each stored file by its number, and what is known
 * of it beside its content. 0, or the status to give, after printing
 * why. */
int start_link_files(struct playback *p);
/* Starts the recorded command (p->root), confined unless p->no_sandbox. 0, or the exit status
 * to give after printing why. */
int start_root(struct playback *p);

#endif
