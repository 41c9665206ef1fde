/*
 * Where a recording goes: its directory. Called by record.c.
 */
#ifndef DEJA_TOOLS_PLACE_H
#define DEJA_TOOLS_PLACE_H

#include <stdbool.h>

/* Makes the recording's directory: dir, which is new or empty, or one in the default directory,
 * named after command (a name or a path), where dir is NULL. Absolute, malloc'd; NULL after
 * printing. *made: it was not there before. */
char *place_make(const char *dir, const char *command, bool *made);

/* Takes away what was put into a recording that did not come about. */
void place_discard(const char *dir, bool made);

/* `latest` in the default directory leads to this recording. Failing is no reason to
 * complain: it is a convenience. */
void place_point_latest(const char *dir);

#endif
