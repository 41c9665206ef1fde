/*
 * Outputs that never come in a replay, because the stream that held them ends too early: its
 * process was killed in the middle of a write, or its file was cut.
 */
#ifndef DEJA_TOOLS_LOST_OUTPUT_H
#define DEJA_TOOLS_LOST_OUTPUT_H

#include <stdbool.h>
#include "tools/replay/playback.h"

/* Whether some stream of the recording ends before its process did. */
bool lost_output_possible(const struct playback *p);
/* When every process waits for an output, the next that one of them has is made due. To be
 * called whenever the supervisor looks. */
void lost_output_skip(struct playback *p);

#endif
