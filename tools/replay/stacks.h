/*
 * The stacks from which calls were made: as recorded (`deja record --stacks`), or obtained by
 * replaying.
 */
#ifndef DEJA_TOOLS_STACKS_H
#define DEJA_TOOLS_STACKS_H

#include <stdbool.h>
#include <stdio.h>
#include "preload/session.h"
#include "tools/replay/unwind.h"
#include "tracefmt/deja.h"

struct stacks;

/* "all", "every 10", "open,read", "every 5 of read,write": what --stacks takes. False after
 * printing what is wrong, for the command of this name. */
bool stacks_parse(const char *command, const char *text, struct stack_choice *choice);

/* For a recording that has stacks. NULL after printing why not. */
struct stacks *stacks_open(deja_recording *rec, const char *path);
/* For one that has none: replays it, without output, and takes them. *status: the exit status
 * to give when NULL was returned (the reason was printed). */
struct stacks *stacks_replay(deja_recording *rec, const char *path,
			     const struct stack_choice *choice, int *status);
void stacks_close(struct stacks *s);
/* The frames of the stack that this event, a call, was made from. 0: none was taken. Fastest
 * when the events of a stream are asked for in order. */
size_t stacks_at(struct stacks *s, const struct deja_event *ev,
		 struct unwind_frame frame[UNWIND_FRAME_MAX]);

/* One indented line a frame. */
void stacks_print(FILE *out, const struct unwind_frame *frame, size_t count);
/* `"stack":[{...},...]`. */
void stacks_json(FILE *out, const struct unwind_frame *frame, size_t count);

#endif
