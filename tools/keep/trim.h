/*
 * Cutting recordings down.
 */
#ifndef DEJA_TOOLS_TRIM_H
#define DEJA_TOOLS_TRIM_H

#include <stdint.h>

/* Ends the recording in the directory `path` before the event of this stream: in every stream
 * what completed before it stays. It replays up to there. reason: one line, for its header.
 * 0, or the exit status to give after printing why not. */
int trim_until_event(const char *path, uint32_t stream, uint64_t number, const char *reason);

#endif
