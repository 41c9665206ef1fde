/*
 * A replay at a human pace: as fast as it was, up to a moment, from request to request, with a
 * line that tells how far it is. The waiting itself is done in the processes
 * (replayer/pace.c).
 */
#ifndef DEJA_TOOLS_PACE_H
#define DEJA_TOOLS_PACE_H

#include <stdbool.h>
#include "tools/replay/playback.h"

/* What the user wants. */
struct pace {
	double factor;	   /* 1: as recorded; 0: at once */
	const char *until; /* a moment, or NULL */
	bool turns;	   /* pause before every request */
	bool progress;	   /* the line: stderr is a terminal */
};

/* Whether anything is wanted, so that the playback needs it. */
bool pace_wanted(const struct pace *pace);
/* "0.5", "1", "2x"; false when it is no number from 0 to 1000. */
bool pace_parse(const char *text, double *factor);

enum { PACE_HEAD_LEN = 60, PACE_TEXT_LEN = 160 };

/* Where a request came in, and how it begins. */
struct pace_turn {
	uint32_t stream;
	uint64_t event;
	int64_t time_ns;
	char text[PACE_HEAD_LEN + 1];
};

struct pace_turns {
	struct pace_turn *turn; /* malloc'd */
	size_t count;
};

/* All of a recording; path: its name for messages. Says so when there are none. False after
 * printing what failed. */
bool pace_find_turns(deja_recording *rec, const char *path, struct pace_turns *turns);
/* "paused: turn 2/5 at ...", for a buffer of PACE_TEXT_LEN. */
void pace_turn_text(const struct pace_turns *turns, size_t index, char *text, size_t len);

/* Called by the playback. False after printing what is wrong. */
bool pace_begin(struct playback *p);
/* The command is about to start: the time counts from here. */
void pace_start(struct playback *p);
/* From time to time. True when the replay is to end here. */
bool pace_look(struct playback *p);
void pace_end(struct playback *p);

#endif
