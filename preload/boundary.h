/*
 * What the doors and the runtime call, and the recorder and the replayer each implement once: which
 * of them is there was decided when the object was linked. Part of runtime.h, which includes it.
 */
#ifndef DEJA_PRELOAD_BOUNDARY_H
#define DEJA_PRELOAD_BOUNDARY_H

#include "runtime.h"

/* Whether this processor is known to have it. */
bool boundary_has_oracle(unsigned kind);
/* The thread executes PAUSE. True: a signal is to be delivered to it right now. */
bool boundary_pause(struct thread *t);
/* How long the thread waits for its turn before it has the owner stopped, in ns. */
int64_t boundary_patience_ns(const struct thread *t);
/* A signal is to be delivered to this thread right now. */
bool boundary_signal_due(struct thread *t);
/* One of these instructions (enum insn_oracle_kind), but for the time stamp counter's and CPUID: the
 * value; returns the carry flag, or ORACLE_UNKNOWN: this processor does not have it. */
enum { ORACLE_UNKNOWN = 2 };
unsigned boundary_oracle(struct thread *t, unsigned kind, uint64_t *value);
/* CPUID of EAX and ECX in value[0] and value[1]: EAX and above it EBX, ECX and above it EDX. */
void boundary_cpuid(struct thread *t, uint64_t value[2]);
/* A reading of the time stamp counter; *aux: RDTSCP's, -1 when it was RDTSC. */
uint64_t boundary_tsc(struct thread *t, bool with_aux, int64_t *aux);
/* A crossing begins. True: entry.S makes the call as it is, then boundary_leave, with the result
 * in p->rax (TF_RESTART: a signal was caught before it). False: boundary_call does all. */
bool boundary_enter(struct thread *t, const struct pregs *p);
void boundary_leave(struct thread *t, const struct pregs *p);
/* One crossing. The result goes to the program. */
long boundary_call(struct thread *t, struct pregs *p);
/* A clock read through the vDSO: which as in TF_EV_CLOCK; returns ns. False: not one we
 * can serve that way. */
bool boundary_clock(struct thread *t, unsigned which, int64_t *ns);
/* After the runtime is up and before any program code. */
void boundary_start(struct thread *t);
/* In a vfork child or new thread, before program code. */
void boundary_child(struct thread *t);
/* A signal was caught in the middle of anything (recorder), or arrived (replayer). */
void boundary_signal(struct thread *t, int signo, const struct k_siginfo *info);
/* It was caught in program code: no crossing may come for long. */
void boundary_signal_waits(struct thread *t);
/* After a call: the next signal to deliver, if any. *restart as signals_deliver. */
bool boundary_next_signal(struct thread *t, long result, struct k_siginfo *info);
/* SIGSYS that is not a crossing: a request to stop here. False: it is not one of ours. */
bool boundary_interrupt(struct thread *t, const struct k_siginfo *info,
			struct k_ucontext *uc);
/* A fault that will end the process, by the default action. */
void boundary_fatal(struct thread *t);
/* Whoever had the turn was killed, perhaps in the middle of an event; others share its memory. Under the
 * guard of the turn. */
void boundary_holder_killed(const struct thread *holder);
/* Replay: who has the next event then. Does not return where there is none. */
struct thread *boundary_heir(struct thread *t);
/* A fault of a kind that we raise, too, but no oracle's. True: that is all. */
bool boundary_own_fault(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc);
/* The process ends by this signal now. */
void boundary_dies(int signo);
/* A fault of the program's own, before its handler is entered with this context. */
void boundary_fault(struct thread *t, struct k_ucontext *uc);
/* The tokens of the domains that this process is a member of, behind its own. The
 * replayer's turns come from the stream instead. */
void boundary_domains_give(struct thread *t, bool hand); /* hand: to one that waits, for this one waits for it */
void boundary_domains_take(struct thread *t);
bool boundary_domains_wanted(void);
/* rt_sigreturn to this context. False: what the kernel has kept back is not caught before program
 * code runs there. */
bool boundary_sigreturn(struct thread *t, const struct k_ucontext *to);

#endif
