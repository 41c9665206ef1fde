/*
 * The replayer's breakpoint (stub.c), as preempt.c uses it. State: PREEMPT; RT->break_addr
 * is where it stands.
 */
#ifndef DEJA_REPLAYER_PREEMPT_H
#define DEJA_REPLAYER_PREEMPT_H

#include "preload/preempt.h"

/* At RT->break_addr: a jump to code that compares. False: that is not possible there. */
bool stub_plant(void);
/* An int3, met in every round. False: there is no code. */
bool stub_plant_trap(void);
/* Takes the breakpoint away, unless the program has written there meanwhile. */
void stub_remove(void);

enum stub_meeting {
	STUB_FOREIGN, /* a trap of the program's own */
	STUB_WENT_ON, /* ours, done with */
	STUB_VISIT,   /* the thread is at the place; uc says so */
};
/* A trap, while the breakpoint stands. */
enum stub_meeting stub_meets(struct k_ucontext *uc, const struct k_siginfo *info);
/* Not this round. differs: the register (in the order of k_mcontext) or, from
 * PREEMPT_REG_COUNT on, the word that told so, to be compared without a trap from now on; -1:
 * another. */
void stub_go_on(struct k_ucontext *uc, int differs);

#endif
