/*
 * The options that select events, the same for every command that reads them: --call, --class,
 * --pid ... --range. They become a filter of libdeja's.
 */
#ifndef DEJA_TOOLS_SELECT_H
#define DEJA_TOOLS_SELECT_H

#include "tools/cmd.h"
#include "tracefmt/deja_look.h"

enum { SELECT_OPTION_MAX = 16 };

/* Ends at key 0. Their keys lie from CMD_OPT_SELECT on. */
extern const struct cmd_option select_options[];

/* What was given on the command line. Zero it first. */
struct selection {
	struct {
		int key;
		const char *value; /* argv's */
	} *given;
	size_t count;
};

/* As cmd_getopt: the command's next option, those of select_options are taken into *s. */
int select_getopt(struct selection *s, int argc, char **argv, int *status);
/* Whether this option was given. Asked before select_open. */
bool select_has(const struct selection *s, const char *name);
/* Opens the recording of argument `arg`, and makes the filter for it, NULL when nothing was
 * given. NULL after saying what is wrong ("cat: --pid: ..."), with the exit status. What is wrong
 * in itself is said before a recording is looked for. Frees the selection. */
deja_recording *select_open(struct selection *s, const char *command, const char *arg,
			    deja_filter **filter, int *status);

/* The reading loop that the commands share. */
struct reading {
	deja_recording *rec;
	deja_look *look;
	const char *what;  /* what becomes of the events: "printed", "counted" */
	bool truncated, failed;
	struct deja_error err;
};

/* False after saying why. The filter may be NULL. */
bool reading_begin(struct reading *r, deja_recording *rec, const deja_filter *filter,
		   unsigned flags, const char *what);
/* The next event; false at the end or when nobody reads our output any more. */
bool reading_next(struct reading *r, struct deja_event *ev, struct deja_sight *sight);
/* Says on stderr when the recording is damaged or incomplete. The exit status. */
int reading_end(struct reading *r);

#endif
