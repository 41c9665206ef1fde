/*
 * Whether a recording can be replayed on this machine: what `deja verify --env` prints, and
 * what a replay says before its first event.
 */
#ifndef DEJA_TOOLS_ENVIRONMENT_H
#define DEJA_TOOLS_ENVIRONMENT_H

#include "tracefmt/deja.h"

/* Instruction sets of this machine's processor, as /proc/cpuinfo names them; static. */
const char *environment_cpu_features(void);
/* One line per matter on stdout. Returns 0 or CMD_CANNOT_RUN. */
int environment_print(const deja_recording *rec, const char *path);
/* Before a replay: prints what forbids it, or warns of what may make it diverge. Returns 0 or
 * CMD_CANNOT_RUN. path: the recording's directory. */
int environment_tell(const deja_recording *rec, const char *path);

#endif
