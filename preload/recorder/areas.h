/*
 * The recorder: areas of memory whose digests tell where a thread was stopped (preload/preempt.h).
 */
#ifndef DEJA_RECORD_AREAS_H
#define DEJA_RECORD_AREAS_H

#include <stdbool.h>
#include <stdint.h>
#include "preload/preempt.h"
#include "flight.h"

enum {
	STACK_WORDS = 40,   /* words above the stack pointer, which are compared one by one */
	POINTER_COUNT = 15, /* registers that may point at something: all but rsp and rip */
	BELOW_STACK_LEN = 64 * 1024, /* what lies there, but for the red zone, is garbage */
	RED_ZONE_LEN = 128,
};

/* --- areas.c --- */
/* Memory that is the program's, and the same in both modes. */
bool areas_may_tell(const struct k_mcontext *mc, uint64_t at);
/* The words of the stack, which are compared anyway. */
bool areas_on_own_stack(const struct k_mcontext *mc, uint64_t at);
/* Where this stack certainly ends: what the kernel put above the first thread's, or the thread's
 * control block. */
uint64_t areas_stack_end(const struct k_mcontext *mc);
/* PREEMPT's areas, of a thread stopped there whose words are noted. */
void areas_collect(const struct k_mcontext *mc, const struct flights *others);

/* --- reach.c --- */
/* Adds what the words lead to. */
void reach_collect(const struct k_mcontext *mc, const struct flights *others);

#endif
