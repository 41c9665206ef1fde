/*
 * Forced preemption: stopping a thread that runs program code without ever crossing,
 * because another has waited too long for the token or a caught signal for its delivery.
 * Where it was stopped is a PREEMPT event; the replay stops it at the same place.
 *
 * The place is told by the instruction pointer, the general registers and a digest of the
 * stack around the stack pointer. A spin whose state does not change may stop at any of its
 * rounds; a loop that counts stops at the same count.
 */
#ifndef DEJA_PRELOAD_PREEMPT_H
#define DEJA_PRELOAD_PREEMPT_H

#include "runtime.h"

enum {
	PREEMPT_REG_COUNT = 17, /* r8..r15 rdi rsi rbp rbx rdx rax rcx rsp rip */
	PREEMPT_AFTER_NS = 3 * 1000 * 1000,
	PREEMPT_RED_ZONE = 128,
	PREEMPT_STACK_LEN = 384, /* digested above rsp, within its page */
};

struct preempt_place {
	uint64_t reg[PREEMPT_REG_COUNT];
	uint64_t stack_digest;
};

/* Fills *place from an interrupted context. */
void preempt_place_of(const struct k_mcontext *mc, struct preempt_place *place);
/* True when the interrupted context is program code, not ours. */
bool preempt_in_program(const struct thread *t, const struct k_mcontext *mc);
/* The signal, queued with this value, with which a thread is asked to stop. */
#define PREEMPT_VALUE 0x64656a61707265ull
bool preempt_is_request(const struct k_siginfo *info);
void preempt_request(const struct thread *target);

#endif
