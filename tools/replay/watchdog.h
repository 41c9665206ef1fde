/*
 * A replay that makes no progress any more.
 */
#ifndef DEJA_TOOLS_WATCHDOG_H
#define DEJA_TOOLS_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "preload/session.h"
#include "tracefmt/deja.h"

struct watchdog {
	uint64_t streams; /* where all streams stand, in one number */
	uint64_t cpu;	  /* clock ticks that the processes have used */
	int64_t since_ns, looked_ns;
};

/* Called now and then. True when for WATCHDOG_SECONDS (environment DEJA_WATCHDOG overrides,
 * 0: never) no stream moved, no process computed and none was stopped by somebody. */
enum { WATCHDOG_SECONDS = 10 };
bool watchdog_stuck(struct watchdog *w, struct session *shared);

/* Names every process and thread, what each waits for and the head of its stream. */
void watchdog_report(FILE *out, struct session *shared, deja_recording *rec);

#endif
