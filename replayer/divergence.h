/*
 * Why a replay stops: what the replaying process tells the supervisor (struct slot_divergence of
 * preload/session.h). Included by the replayer and by the tools; plain data.
 */
#ifndef DEJA_REPLAYER_DIVERGENCE_H
#define DEJA_REPLAYER_DIVERGENCE_H

#include <stdint.h>

/* slot_divergence.kind. The report's JSON has the numbers: they never change. */
enum divergence_kind {
	DIVERGED_CALL = 1,	   /* another call */
	DIVERGED_ARGUMENT = 2,	   /* another scalar argument, or NULL for a pointer */
	DIVERGED_BYTES = 3,	   /* other outbound bytes */
	DIVERGED_END = 4,	   /* the stream ended, the program goes on */
	DIVERGED_LEFT_OVER = 5,	   /* the program ended, events are left over */
	DIVERGED_MAPS = 6,	   /* start-up maps differ */
	DIVERGED_LOCAL = 7,	   /* a local call gave another result */
	DIVERGED_UNDECODABLE = 8,  /* the event does not decode */
	DIVERGED_DIED = 9,	   /* the program died */
	DIVERGED_UNSUPPORTED = 10, /* a call nobody knows */
	DIVERGED_OTHER = 11,	   /* signal, exec or image problem */
};

/* Where the two windows of differing bytes begin: a multiple of 16, up to 31 before
 * the first difference. */
static inline uint64_t divergence_window(uint64_t offset)
{
	return offset < 16 ? 0 : (offset - 16) & ~(uint64_t)15;
}

#endif
