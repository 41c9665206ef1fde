/*
 * `deja record --redact`: the recording's streams and texts are on the disk under a key of this
 * process alone (DIR/.sealed), header and index of files in memory (the session's directory). At
 * the end the secrets are replaced by tokens, in a copy that takes the place of all this. Whatever
 * ends this process before, nothing can be read, and nothing recovered.
 */
#ifndef DEJA_TOOLS_SEALED_H
#define DEJA_TOOLS_SEALED_H

#include <limits.h>
#include <stdbool.h>
#include "tools/record/seal.h"
#include "tools/store.h"
#include "tracefmt/deja.h"

struct sealed {
	struct seal seal;
	const char *dir;	 /* the recording's, in the end */
	char spool[PATH_MAX];	 /* in memory: header, files, links to what is sealed */
	char disk[PATH_MAX];	 /* what is sealed */
	const char *rules;
	int lock;
};

/* Whether the rules of --redact can be used; false after printing why not. "default": the built-in
 * ones alone, else a file with rules of one's own beside them. */
bool sealed_check_rules(const char *rules);
/* Makes both directories, before the command starts; header: what the recording will have. False
 * after printing why not. `s` stays where it is. */
bool sealed_begin(struct sealed *s, const char *dir, const char *session_dir, const char *rules,
		  const struct deja_header *header);
/* The command runs: nobody of this user reads our memory from now on, and no core is written. */
void sealed_started(void);
/* When everything is recorded: puts the redacted recording in its place, or, after printing why it
 * could not be, nothing. What was done, for the closing line (static). NULL: nothing is left. */
const char *sealed_finish(struct sealed *s);
/* Whether the directory holds what is sealed; *busy: its recorder lives. */
bool sealed_is_there(const char *dir, bool *busy);

#endif
