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
	uint64_t event_cpu; /* `cpu` when a stream moved last */
	bool computes;	    /* what it says is of a computation that does not end */
};

/* Called now and then. True when for WATCHDOG_SECONDS (environment DEJA_WATCHDOG overrides,
 * 0: never) no stream moved, no process computed and none was stopped by somebody. Or, without an
 * event, they computed for 6 times that and WATCHDOG_FACTOR times as long as it took when recorded:
 * where a thread is stopped in a computation, each of its rounds may cost a trap. */
enum { WATCHDOG_SECONDS = 10, WATCHDOG_FACTOR = 1000 };
bool watchdog_stuck(struct watchdog *w, struct session *shared, deja_recording *rec);

/* Names every process and thread, what each waits for and the head of its stream. */
void watchdog_report(FILE *out, const struct watchdog *w, struct session *shared,
		     deja_recording *rec);

#endif
