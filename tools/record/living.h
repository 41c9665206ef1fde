/*
 * Whether a stream's last event is its process's end. The process ends by exit_group of
 * one of its threads or by exit of the last of them; other processes' ends are in its
 * stream, too: of vfork children and of those that share its memory, which may outlive it. Called by
 * track.c for those few events.
 */
#ifndef DEJA_TOOLS_LIVING_H
#define DEJA_TOOLS_LIVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct living_set {
	int32_t *tids;
	size_t count, cap;
};

struct living {
	struct living_set threads; /* its own that have not ended */
	struct living_set guests; /* processes that it made and that went on beside it; those about to be
				   * another program as - tid */
	int32_t pid, tid; /* tid: whose event comes */
	bool ended;	  /* it has, and guests may not have */
	bool unknown;	  /* memory ran out, or a guest has threads: nothing is said of exit any more */
	int first_status; /* what its first thread gave exit; -1: it has not */
	int status;	  /* at the end, as wait(2) */
	bool status_known;
};

/* A program image or a forked child begins. */
void living_begin(struct living *l, int32_t pid, int32_t tid);
/* What clone with these flags returned. */
void living_clone(struct living *l, uint64_t flags, int64_t result);
/* exit, or exit_group (group), with this code. True: the stream ended by it. */
bool living_exit(struct living *l, bool group, int code);
/* exec is being made, whose image has another stream if it is a guest's, or its guests go on without it; it
 * has failed. True: the stream ended by it. */
bool living_exec(struct living *l, bool other_stream);
void living_exec_failed(struct living *l);

#endif
