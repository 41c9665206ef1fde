/*
 * What came of a playback: the first difference reported, or everything as recorded. Also
 * playback_judge() and playback_tell_limits() of playback.h.
 */
#ifndef DEJA_TOOLS_VERDICT_H
#define DEJA_TOOLS_VERDICT_H

#include "tools/replay/playback.h"

/* The loader could not lay out a program. Prints why; the exit status to give. */
int verdict_impossible(const struct playback *p, const struct slot *slot);
/* Reports the difference that the process of the slot met; the exit status to give. */
int verdict_divergence(struct playback *p, const struct slot *slot);

#endif
