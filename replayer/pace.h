/*
 * A replay that takes its time: see pace.c.
 */
#ifndef DEJA_REPLAYER_PACE_H
#define DEJA_REPLAYER_PACE_H

#include "replay.h"

/* Before the event at the head of the stream is served for the first time. Only when
 * session.paced is set. */
void pace_reached(struct thread *t, const struct event *ev);

#endif
