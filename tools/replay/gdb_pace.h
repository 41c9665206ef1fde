/*
 * `deja gdb --until` and `--turns`: the events before which the debugged process pauses.
 */
#ifndef DEJA_TOOLS_GDB_PACE_H
#define DEJA_TOOLS_GDB_PACE_H

#include <stdbool.h>
#include "tools/replay/gdb.h"
#include "tools/json.h"

struct debug_pace {
	double factor;	   /* --pace; 0: at once */
	const char *until; /* or NULL */
	bool turns;
	struct debug_pause *pause; /* by event; malloc'd by debug_pace_find */
	size_t count;
};

/* Finds the events of the target's stream. path: the recording's name for messages. False after
 * printing what is wrong. */
bool debug_pace_find(deja_recording *rec, const char *path, const struct debug_target *t,
		     struct debug_pace *p);
/* As members of the debugger's settings. */
void debug_pace_write(struct json *j, const struct debug_pace *p);
void debug_pace_free(struct debug_pace *p);

#endif
