/*
 * The replayer inside the process: what its files share. Matching (may this event answer
 * this call?) is in match.c, serving (copying results, effects) in serve.c and the
 * by-hand files, and what happens when nothing matches in diverge.c.
 */
#ifndef DEJA_REPLAYER_REPLAY_H
#define DEJA_REPLAYER_REPLAY_H

#include "preload/beside.h"
#include "preload/runtime.h"
#include "replayer/divergence.h"

/* --- head.c: the head of the stream --- */
/* Maps stream number `stream`. False when it cannot be opened. */
bool head_open(uint32_t stream, uint64_t pos);
/* The next event that is not a prefix; prefixes (THREAD, OUTPUT, SPAWN, FILE, NOTE, SYNC)
 * are taken in on the way. Does not consume. */
struct event head_peek(struct thread *t);
/* As head_peek, but takes nothing in, and another prefix than SYNC, NOTE and THREAD is an event like
 * others: what comes next while program code runs. *tid: whose it is. */
struct event head_look(int64_t *tid);
/* Consumes the event just peeked. */
void head_take(struct thread *t, const struct event *ev);
/* Consumes the DOMAIN events at the head; a bit for each domain, turn[] their numbers. */
unsigned head_take_domains(struct thread *t, uint64_t turn[DOMAIN_COUNT]);
/* Serves the MEMORY events that follow the call just taken; writes nowhere but where that call
 * may. A pwrite alone may write where the program cannot, and no other bytes than its own. */
void head_take_memory(struct thread *t, long nr, const unsigned long args[6], long result,
		      struct memory_room room);
/* Where a call may write that its row cannot name, to be asked before it is served; and a
 * segment just attached. */
struct memory_room head_memory_room(long nr, const unsigned long args[6]);
struct memory_room head_segment_room(uint64_t addr);
/* As head_peek, but looks behind `ev` and takes nothing in. */
struct event head_peek_behind(const struct event *ev);
/* The first event of another stream, which stays mapped beside ours: for an exec, whose image
 * has another memory. */
struct event head_first_of(uint32_t stream);

/* --- domain.c --- */
/* At a crossing: as head_peek, once the turns have come that the stream waits for here. */
struct event domains_peek(struct thread *t);
/* This process ends, in an orderly way or killed: its turns are over. */
void domains_leave(struct thread *t);
/* Its image does. */
void domains_depart(void);

/* --- turn.c --- */
/* The event at the head once it is this thread's: until then the token goes to the thread
 * that it belongs to, and this one waits. */
struct event turn_wait(struct thread *t);
/* This thread is at its end: the token goes to whom the head belongs. */
void turn_leave(struct thread *t);
/* To the thread of the event at the head. */
void turn_give(struct thread *t);
/* The process ends by this thread's hand. Returns when those that share its memory have done what they did
 * then. */
void turn_outlived(struct thread *t);
/* This process, which shares the memory of others, is about to have a program image of its
 * own; or ends, as an image that is not replayed. Who is waited for (vfork) has no turn. */
void turn_leave_memory(struct thread *t);
void turn_exit(struct thread *t) __attribute__((noreturn));

/* In the middle of program code: waits until the head is this thread's again: the START that
 * says that it goes on (older recordings have none). */
void turn_wait_any(struct thread *t);

/* --- preempt.c --- */
/* Called when an event was taken: if the next one says that this thread was stopped in
 * program code, makes sure that it stops there. */
void preempt_look(struct thread *t);
/* Around a call that maps memory, where what is planted for the next stop may lie. True: it was
 * taken away, and must be put back. */
bool preempt_make_way(void);
void preempt_come_back(struct thread *t);
/* --- fresh.c: code that the program makes itself, and may still have to --- */
/* From here on what the program writes to the place of the next stop is looked at: the breakpoint
 * stands there while the code is as it was at the stop. */
void fresh_watch(struct thread *t);
/* No more, nor does the breakpoint. */
void fresh_end(void);
/* Around a call that may change that memory. True: it is watched, and to be looked at again. */
bool fresh_make_way(void);
void fresh_come_back(struct thread *t);
/* Of a SIGSEGV and of a SIGTRAP while it is watched: false: not caused by that. */
bool fresh_written(struct k_ucontext *uc);
bool fresh_stepped(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc);

/* In a forked child: what its parent waits for is not here. */
void preempt_forget(void);
/* The thread makes a call, although the stream says that it was stopped before. */
void preempt_missed(struct thread *t, long nr, const unsigned long args[6])
	__attribute__((noreturn));

/* --- debug.c: what a debugger needs --- */
/* At the beginning of an image or a forked child, its first event taken. */
void debug_begin(struct thread *t);
/* A call begins. */
void debug_enter(struct thread *t, struct pregs *p);
/* The call that the next event answers was made here: whoever asked gets its stack. */
void debug_stack(struct thread *t, const struct pregs *p);
/* The thread leaves to the program, at `resume`; from a call; from a clock's read. */
void debug_leave(struct thread *t, uint64_t resume);
void debug_leave_call(struct thread *t);
void debug_leave_clock(struct thread *t);
/* The process or its image ends with the event just served. */
void debug_last(struct thread *t);
void debug_diverged(struct thread *t);
/* A signal of the program's own, of a kind that we raise, too; at: the instruction, or 0. True: a
 * debugger is to see it, raise it again. */
bool debug_shows(int signo, uint64_t at);

/* --- diverge.c --- */
/* The replay of the whole tree stops here. */
void diverge(struct thread *t, unsigned kind, long nr, const unsigned long *args,
	     const char *text) __attribute__((noreturn));
void diverge_arg(struct thread *t, long nr, const unsigned long *args, unsigned arg,
		 uint64_t expected, uint64_t got) __attribute__((noreturn));
void diverge_bytes(struct thread *t, long nr, const unsigned long *args, unsigned arg,
		   uint64_t offset, const uint8_t *expected, size_t expected_len,
		   const uint8_t *got, size_t got_len) __attribute__((noreturn));
void diverge_result(struct thread *t, long nr, const unsigned long *args,
		    uint64_t expected, uint64_t got) __attribute__((noreturn));
/* The stream ends here: as recorded, this process goes no further. */
void stream_end(struct thread *t, long nr, const unsigned long *args)
	__attribute__((noreturn));

/* --- halt.c --- */
/* For loops that wait for others: does not return when the replay was stopped (the
 * supervisor then ends this process) or its supervisor is gone. */
void halt_if_over(struct session *s);

/* --- match.c --- */
/* Checks a call event against the call as made and copies its inbound memory. Returns the
 * recorded result; diverges on any difference. */
long match_call(struct thread *t, struct event *ev, const struct tf_call *call,
		const unsigned long args[6]);

/* As match_call does with outbound bytes, with some that an event behind the call's own repeats. */
void match_sent(struct thread *t, long nr, const unsigned long args[6], unsigned arg, const uint8_t *expected,
		const uint8_t *got, size_t len);

/* --- output.c --- */
/* Writes what this call wrote, if an OUTPUT prefix was seen, when its turn has come. */
void output_echo(struct thread *t, const struct tf_call *call, const unsigned long args[6],
		 long result);

/* --- process.c --- */
/* A thread, or a child with memory of its own; ev: the call's own event. The program's result, in such
 * a child 0. */
long replay_clone(struct thread *t, struct pregs *p, const unsigned long args[6],
		  struct event *ev, const struct tf_call *call);
/* The stream ends in a call that forks: its maker was killed there, and the child lived.
 * True in the child. */
bool replay_last_fork(struct thread *t, struct pregs *p, const unsigned long args[6]);
/* The child's events come first in the stream, the call's own after them. */
long replay_vfork(struct thread *t, struct pregs *p, const unsigned long args[6],
		  const struct tf_call *call);
/* After wait4 or waitid: the child has ended here, too, so that memory which it shares
 * holds what it left there. */
void await_child(struct thread *t, long nr, const unsigned long args[6], long result);
/* Ends all processes that share our memory, since this one ends. */
void threads_kill_apart(void);
/* The process of this recorded id has ended here. */
void await_end(struct thread *t, int32_t pid);
long replay_exec(struct thread *t, struct pregs *p, const unsigned long args[6],
		 struct event *ev, const struct tf_call *call);

/* --- oracles.c --- */
/* Puts jumps and traps where the recording had them: `in` at `count` elements, two for each, whose
 * addresses must lie within [from, to). */
void oracles_plant(struct thread *t, struct tf_in in, uint32_t count, uint64_t from, uint64_t to,
		   bool writable);

/* --- pause.c --- */
/* The event is the end of a turn at a PAUSE. */
bool pause_is_due(const struct event *ev);

/* --- semaphores.c --- */
/* Looks at a call that was served: does it tell how many semaphores a set has? */
void semaphores_see(long nr, const unsigned long args[6], long result);
/* Another namespace of ids begins. */
void semaphores_forget(void);
/* Bytes that semctl(GETALL) may write of this set. */
uint32_t semaphores_room(int32_t id);

/* --- shadow.c --- */
/* Opens a shadow; one that no process has used yet begins as stored file `file`, or empty. */
long shadow_open(uint32_t shadow, uint32_t file);
/* The shadow that the recording's list of files says of this one; 0: none. */
uint32_t shadow_of_file(uint32_t file);
/* What this call changes in the pending shadow. */
void shadow_change(long nr, const unsigned long args[6], long result);
long shadow_attach(struct thread *t, const unsigned long args[6], long result);
void shadow_detach(uint64_t addr);

/* --- local.c --- */
/* The effect of a call that changes this process's own memory or threads, and the check
 * of its result. */
long local_effect(struct thread *t, struct pregs *p, const struct tf_call *call,
		  const unsigned long args[6], long result);

#endif
