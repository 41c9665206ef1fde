/*
 * What `deja redact` and `deja record --redact` do with a copy that deja-share has marked.
 */
#ifndef DEJA_TOOLS_REDACT_H
#define DEJA_TOOLS_REDACT_H

#include <stdbool.h>
#include <stdint.h>

struct rederivation {
	uint64_t pieces;	  /* sent that were made anew */
	uint32_t diverged_stream; /* where the program took another way; 0: it did not */
	uint64_t diverged_event;
};

/* Replays the copy in `work` and puts what the program sends now in the place of what it sent then.
 * 0, or the exit status after saying why it could not be: the copy is then as it was, unless
 * `partly`, when one that diverged has been made anew up to there. */
int redact_rederive(const char *work, bool partly, struct rederivation *r);
/* Whether the copy replays as any recording. 0, or the exit status after saying why it does not. */
int redact_verify(const char *work);

#endif
