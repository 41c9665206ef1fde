/*
 * Moments as commands print them, so that they can be typed again. Shared by what prints them.
 */
#ifndef DEJA_TOOLS_MOMENT_H
#define DEJA_TOOLS_MOMENT_H

#include "tools/cmd.h"

enum { MOMENT_LEN = 48 };

/* "1.234567s". Returns buf. */
const char *moment_time(int64_t ns, char buf[MOMENT_LEN]);
/* "4711#12", or "p3#12" when several processes had that id. Returns buf. */
const char *moment_event(deja_recording *rec, uint32_t stream, int32_t pid, uint64_t number,
			 char buf[MOMENT_LEN]);
/* Bytes as a quoted excerpt of one line. */
void moment_excerpt(FILE *out, const uint8_t *bytes, size_t len, size_t most);

#endif
