/*
 * What `deja cat` shares with its way of following a recording that is being made.
 */
#ifndef DEJA_TOOLS_CAT_H
#define DEJA_TOOLS_CAT_H

#include "tools/read/notes.h"
#include "tools/select.h"

struct cat {
	deja_recording *rec;
	deja_filter *filter;	 /* NULL: all events */
	const deja_notes *notes; /* NULL: none are shown */
	struct stacks *stacks;	 /* NULL: none are shown */
	unsigned long long payload; /* bytes shown of each; 0: as usual */
	bool jsonl, anchors, numbers, colour;
	bool io; /* JSON names the I/O streams: not in a range, which is sought without reading
		  * what is before, nor while following, when processes may be out of order */
};

/* Prints one event as the options say. t: NULL when nothing is tracked. */
void cat_event(struct cat *c, const struct deja_event *ev, const struct deja_sight *sight,
	       deja_tracker *t);
/* Whether the options need a tracker. */
bool cat_tracks(const struct cat *c);
/* Prints what is there and what comes, until the recording is complete. `path`: where it is
 * opened again. The exit status. */
int cat_follow(struct cat *c, const char *path);

#endif
