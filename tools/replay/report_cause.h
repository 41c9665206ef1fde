/*
 * Why a replay diverged: causes that can be told from the recording and this machine.
 */
#ifndef DEJA_TOOLS_REPORT_CAUSE_H
#define DEJA_TOOLS_REPORT_CAUSE_H

#include "tools/replay/report.h"
#include "tracefmt/deja.h"

/* Names are part of the JSON report: never changed, only added. */
enum cause_id {
	CAUSE_UNKNOWN,	     /* "unknown": by the kind of difference alone */
	CAUSE_INCOMPLETE,    /* "incomplete_recording" */
	CAUSE_DAMAGED,	     /* "damaged_recording" */
	CAUSE_CHANGED_FILE,  /* "changed_file": executable, library or mapped file */
	CAUSE_MISSING_EVENT, /* "missing_event" */
	CAUSE_UNSUPPORTED,   /* "unsupported" */
	CAUSE_SHARED_MEMORY, /* "shared_memory": others write to what it has mapped */
	CAUSE_INSTRUCTION,   /* "instruction": cycle counter, hardware random numbers */
	CAUSE_OTHER_CPU,     /* "other_cpu" */
};

struct cause {
	enum cause_id id;
	char text[512]; /* what is the case; one line */
	char advice[256]; /* what to do; may be empty */
};

/* The strongest cause that there is evidence for. rec NULL: it could not be opened. The text of
 * CAUSE_UNKNOWN is left empty. */
void cause_find(const struct divergence *d, deja_recording *rec, const char *rec_path,
		struct cause *cause);
const char *cause_name(enum cause_id id);
/* The CPU's name here, as the recorder takes it. */
bool cause_cpu_here(char *buf, size_t len);

#endif
