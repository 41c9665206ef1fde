/*
 * Forced preemption: stopping a thread that runs program code without ever crossing,
 * because another has waited too long for the token or a caught signal for its delivery.
 * Where it was stopped is a PREEMPT event; the replay stops it at the same place.
 *
 * The place is told by the instruction pointer, the general registers, a digest of the
 * stack around the stack pointer and one of the memory that the registers point at: enough
 * to tell the rounds of a loop apart, whether it counts in a register, on the stack or in a
 * structure. A spin whose state does not change may stop at any of its rounds.
 *
 * Who waits for the token has its holder looked at step by step: one that comes back to the
 * same state within a few instructions spins, and is stopped at once. One that computes is
 * left alone for PREEMPT_LATEST_NS, since it is bound to cross some time.
 *
 * Nothing counts how often the instruction was executed (that would need a performance
 * counter or a breakpoint from the segment's beginning), so the replay pays a few
 * microseconds for every time it comes by: exact, but slow for long computations.
 */
#ifndef DEJA_PRELOAD_PREEMPT_H
#define DEJA_PRELOAD_PREEMPT_H

#include "runtime.h"

/* How long a computing thread is left alone. Stopping it costs fidelity (the place may come
 * more than once), so that it is a last resort, and noted in the recording. */
#define PREEMPT_LATEST_NS (2 * 1000 * 1000 * 1000ll)

enum {
	PREEMPT_REG_COUNT = 17, /* r8..r15 rdi rsi rbp rbx rdx rax rcx rsp rip */
	PREEMPT_AFTER_NS = 10 * 1000 * 1000,
	PREEMPT_PROBE_STEPS = 100,
	PREEMPT_STACK_LEN = 384, /* digested above rsp, within its page */
	PREEMPT_MEMORY_LEN = 256, /* digested where a register points, within its page */
};

struct preempt_place {
	uint64_t reg[PREEMPT_REG_COUNT];
	uint64_t stack_digest;
	uint64_t memory_digest;
};

/* Fills *place from an interrupted context. */
void preempt_place_of(const struct k_mcontext *mc, struct preempt_place *place);
/* Is the context at *place? The cheap differences are looked at first. */
bool preempt_at_place(const struct k_mcontext *mc, const struct preempt_place *place);
/* True when the interrupted context is program code, not ours. */
bool preempt_in_program(const struct thread *t, const struct k_mcontext *mc);
/* The signal, queued with this value, with which a thread is asked to stop. */
#define PREEMPT_VALUE 0x64656a61707265ull
bool preempt_is_request(const struct k_siginfo *info);
void preempt_request(const struct thread *target);

#endif
