/*
 * Whether a stream's last event is its process's end. The process ends by exit_group of
 * one of its threads or by exit of the last of them; other processes' ends are in its
 * stream, too: of vfork children and of those that share its memory. Called by track.c
 * for those few events.
 */
#ifndef DEJA_TOOLS_LIVING_H
#define DEJA_TOOLS_LIVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct living {
	int32_t *tids; /* its threads that have not ended */
	size_t count, cap;
	int32_t pid, tid; /* tid: whose events these are */
	bool shared;	  /* with a process that it made and that goes on beside it */
	bool unknown;	  /* memory ran out: nothing is said of exit any more */
	int first_status; /* what its first thread gave exit; -1: it has not */
	int status;	  /* at the end, as wait(2) */
	bool status_known;
};

/* A program image or a forked child begins. */
void living_begin(struct living *l, int32_t pid, int32_t tid);
/* What clone with these flags returned. */
void living_clone(struct living *l, uint64_t flags, int64_t result);
/* exit, or exit_group (group), with this code. True: the process ended by it. */
bool living_exit(struct living *l, bool group, int code);

#endif
