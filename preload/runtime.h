/*
 * The runtime inside the process: what all its files share.
 *
 * RULES. This code runs inside somebody else's program, between any two of its
 * instructions, on a private stack. Therefore: libc's functions are not called (no
 * malloc, no stdio, no locks), general registers only, no TLS (the current thread is
 * found through %gs), system calls only through dj_raw*, all state in the private arena
 * at DJ_PRIVATE or in the session. Mode is chosen at link time: boundary_* is
 * implemented once by the recorder (preload/recorder/) and once by the replayer.
 */
#ifndef DEJA_PRELOAD_RUNTIME_H
#define DEJA_PRELOAD_RUNTIME_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "kernel.h"
#include "oracle.h"
#include "raw.h"
#include "session.h"
#include "tracefmt/calls.h"
#include "tracefmt/wire.h"

/* Offsets that entry.S knows; checked below. */
enum {
	T_STACK_TOP = 8,
	T_PENDING = 16,
	T_ORACLE_SP = 24,
};

/* The program's registers at a crossing, as entry.S pushes them. */
struct pregs {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r10, r9, r8, rdx, rsi, rdi;
	uint64_t rax;	/* the call's number, then its result */
	uint64_t nr;	/* the call's number, kept */
	uint64_t rip;	/* the instruction after the (original) syscall */
	uint64_t flags;
	uint64_t entry_rsp; /* where entry.S found the stack */
	uint64_t pad;
};

/* Between entry.S's view of the stack and the program's: the red zone and two words. */
enum { ENTRY_RSP_SKIP = 144 };
static inline uint64_t pregs_rsp(const struct pregs *p)
{
	return p->entry_rsp + ENTRY_RSP_SKIP;
}

enum {
	THREAD_STACK_LEN = 96 * 1024,
	THREAD_SIGSTACK_LEN = 64 * 1024,
	PENDING_MAX = 8, /* one, and faults sent by hand while that one waits */
	THREAD_MAX = 32768,
};

/* What the program does with its signals. A vfork child has its own. */
struct sig_actions {
	struct k_sigaction action[65];
	uint64_t known; /* bit per signal: action[] is filled */
};

/* One thread, or one vfork child that still shares its parent's memory. */
struct thread {
	struct thread *self;
	uint64_t stack_top; /* T_STACK_TOP: of the private stack */
	uint32_t pending;   /* T_PENDING: signals caught and not yet delivered */
	uint32_t used;
	uint64_t oracle_sp; /* T_ORACLE_SP: entry.S */
	struct slot *slot; /* whose stream this thread's events go to */
	uint8_t *roles;	   /* fd roles: the slot's, or a vfork child's own */
	struct slot *exec_slot; /* vfork child: the slot its image will have */
	bool execed;		/* exec is being made for an image with that slot */
	int32_t *guest;	   /* a process that shares our memory: its place in the slot (session.h) */
	int32_t process;   /* the live pid of that one, for it and its threads; 0: RT->live_pid's */
	int32_t tid;	   /* as the program knows it (recorded when replaying) */
	int32_t vfork_parent; /* replay: the parent's id */
	int32_t vfork_child; /* shares its parent's memory until exec or exit */
	bool apart; /* a process that shares our memory (clone without CLONE_THREAD), but is
		     * not waited for: one more thread of ours, which may be killed alone */
	struct k_stack altstack; /* the program's own; the kernel knows only ours */
	struct k_siginfo queue[PENDING_MAX];
	/* A signal has been caught and not yet delivered: until then the kernel keeps all
	 * others, in its own order. held_mask: the program's mask meanwhile. */
	bool held;
	uint64_t held_mask;
	/* recorder: so often a call has been put off there for caught signals; those are the kernel's
	 * again, which keeps all back, and the program's mask is this one */
	uint32_t put_off;
	uint64_t put_off_rip, put_off_rsp;
	bool put_back;
	uint64_t put_back_mask;
	uint64_t start_mask; /* of a new thread */
	uint64_t sigsys_blocked; /* of signals_kept_open: the program believes it to be blocked */
	struct sig_actions *actions;
	struct sig_actions own_actions; /* vfork child */
	/* handlers entered where one returned to, one after the other and without a step there */
	uint32_t chained;
	uint64_t chain_rip, chain_rsp;
	int64_t chain_start_ns;
	const struct pregs *crossing; /* the last crossing's registers */
	const struct tf_call *entered; /* recorder: the call that entry.S makes, and since when */
	int64_t entered_ns;
	bool entered_free; /* the token was given away for it */
	const struct pregs *delivering; /* a signal is being raised for this crossing */
	uint64_t delivering_rax, delivering_rip, delivering_mask;
	const struct oracle_site *oracle_due; /* where dj_oracle_trap delivers a signal */
	struct k_siginfo delivering_info;
	uint64_t clone_stack; /* for a child: the program's stack pointer to start on */
	struct pregs child_regs;
	uint8_t *sigstack;
	int32_t live_tid;
	struct k_ucontext *interrupted; /* the context that its handler will return to */
	int32_t force_timer; /* recorder: asks for a stop when a signal waits too long */
	bool force_timer_made, force_timer_runs;
	uint32_t alive; /* the kernel clears it when the thread is gone for good */
	uint32_t turn;	/* futex: 1 when the token has been passed to this thread */
	struct thread *sched_next;
	bool queued; /* recorder: waits for the token */
	bool faulted; /* recorder: its fault ends the process, and a replay takes it as well */
	bool leaving; /* recorder: for another image, where a request to stop would kill it */
	bool shelved; /* recorder: it was stopped, and the token taken back; it queues up again */
	int64_t slice_start_ns; /* when it got the token */
	bool spins; /* recorder: in a loop that waits, when it was last stopped */
	uint64_t pauses, pauses_told; /* PAUSEs met, and how many at the last that ended its turn */
	bool pause_waits; /* recorder: it is queued, or on its way there, from a PAUSE */
	bool pause_yielded; /* recorder: it has given its turn away by sched_yield, and met no PAUSE since */
	bool pause_held_back; /* recorder: by recorder/pause.c, since it last gave its turn away */
	/* recorder: turns in a row in which it did nothing but PAUSE, after how many in vain somebody is to be
	 * stopped for it, and whether that was asked for (recorder/pause.c) */
	uint32_t pause_vain, pause_patience;
	bool pause_asked;
	uint64_t pause_pos; /* recorder: the stream's length when it went on from a PAUSE */
	int64_t pause_resumed_ns; /* recorder: it goes on from a PAUSE and has not met one; 0: not */
	int32_t *clear_tid;	/* what the program wants cleared at the thread's end */
	uint64_t robust_list; /* struct robust_list_head of the program, or 0 */
	uint32_t only_on; /* recorder: 1 + the processor that it asked to run on alone; 0: none yet */
	bool in_output; /* recorder: writes output without the token */
	bool no_memory; /* recorder: its last mmap failed for want of it */
	bool pi_waited, trace_me; /* it has waited for a lock of that kind; a vfork child asks to be traced */
	uint64_t futex_at, futex_pos, futex_ns, futex_vain, futex_quick; /* recorder: its last, for recorder/fair.c */
	int32_t *set_tid;	/* where a new thread writes its id, or NULL */
};

enum { SEGMENT_MAX = 4096, SHARED_MAX = 32, CODE_MAX = 64, SEMAPHORE_SET_MAX = 1024 };
enum { SITE_MAX = 2048, SITE_CODE_MAX = 28 };
struct site {
	uint64_t addr; /* of the syscall instruction */
	uint64_t tail; /* where to resume after it, 0: not patched */
	uint64_t start; /* of the jump, when patched */
	uint8_t original[SITE_CODE_MAX]; /* what the jump stands for */
	uint32_t original_len;
};

/* An instruction that was replaced by a trap, or by a jump to a stub (oracles.c). */
enum { ORACLE_SITE_MAX = 4096 };
struct oracle_site {
	uint64_t addr; /* 0: free */
	struct insn_oracle oracle; /* kind ORACLE_NONE: the trap is there no more */
	uint8_t original[5]; /* what the jump, or the first of these what the trap replaced */
	uint8_t hop_original[2]; /* what a short jump to it replaced */
	uint8_t cover; /* bytes of instructions that the jump covers; 0: it is a trap */
	uint16_t room; /* oracle.h: what was tried; the replay tries the same */
	bool later; /* oracles_arm will put the trap there */
	uint64_t resume; /* with a jump: in the stub, behind it */
	uint64_t seen;	 /* with a jump: where a handler is told that it interrupted the program there. To go on
			  * at this address is the same, also without rt_sigreturn */
};

/* Room for stubs, and where those in it call: the entries, or jumps to them when the room
 * lies too far from our text. */
struct stub_pool {
	uint64_t next, end;
	uint64_t entry, entry_flags;
	uint64_t entry_oracle; /* 0: not made yet */
	uint64_t open; /* writable for many stubs at once */
};
enum { STUB_POOL_MAX = 8, ORACLES_LATER_MAX = 8 };

/* Replay: the event at the head of the stream. */
struct event {
	unsigned id; /* 0: the stream has ended */
	unsigned count; /* fields after the id */
	struct tf_in in; /* at the first field */
	uint64_t next;	 /* stream offset behind the event */
};

struct runtime {
	struct session *session;
	struct slot *slot;
	uint32_t passthrough; /* our own failure: the program goes on alone */
	uint32_t dispatch;    /* syscall user dispatch is armed */
	uint32_t sandboxed;   /* recorder: a seccomp filter lets calls pass from our text alone */
	int32_t pid;	      /* as the program knows it */
	int32_t live_pid;     /* as the kernel knows it */
	uint64_t text_start, text_end; /* ours */
	char dir[SESSION_DIR_LEN + 1];
	uint32_t slot_index;
	/* the program's own view of its signals */
	struct sig_actions actions;
	/* vDSO functions at their moved place, 0 if there is none */
	uint64_t vdso_clock_gettime, vdso_gettimeofday, vdso_time;
	uint64_t vdso, vdso_end, vdso_shift; /* the copy in its place; to the moved one */
	/* patched sites */
	uint32_t site_count;
	uint64_t missed_sites;
	uint32_t oracle_count;
	uint64_t oracles_from, oracles_to; /* between which all of them are */
	int32_t code_fd; /* patch.c: 1 + /proc/self/mem's descriptor while much is written */
	uint16_t oracles_later[ORACLES_LATER_MAX]; /* sites, oracle.h */
	uint32_t oracles_later_count;
	uint32_t oracles_left; /* recorder: some could not be replaced */
	uint32_t oracles_offered; /* recorder: bit per kind that the processor has; 0: not asked */
	uint64_t thread_map[THREAD_MAX / 64], thread_mapped[THREAD_MAX / 64];
	struct stub_pool pools[STUB_POOL_MAX];
	/* threads */
	uint32_t trap_tsc;   /* the program's reading of the time stamp counter traps */
	uint64_t break_addr; /* replay: where a breakpoint stands, 0: none */
	uint32_t code_watched; /* replay: and who writes to the code there is caught */
	uint32_t catch_faults; /* signals_catch_faults was called */
	uint32_t multi; /* there has been more than one thread */
	uint32_t guests; /* there has been a process that shares our memory */
	/* guests go on without the process: replay: who has ended it and waits for that; recorder: who
	 * executes another program, and has if it is not alive */
	struct thread *leaver;
	uint32_t thread_count, sched_guard, sched_waiting;
	uint32_t sched_pausing; /* recorder: of those that wait, at a PAUSE */
	uint64_t futex_wanted; /* recorder: by one who has been woken there in vain (recorder/fair.c) */
	bool pause_starves; /* recorder: somebody is to be stopped for one who spins (recorder/pause.c) */
	uint32_t pauses_in_vain; /* recorder: turns one after the other that ended where they began */
	int64_t pause_from_ns;	 /* recorder: before then a PAUSE ends no turn for another such turn */
	uint64_t pause_looked, pause_due; /* replay: pause.c */
	const struct thread *pause_thread;
	uint32_t output_role; /* recorder: of the output that this process is writing */
	uint32_t output_owner; /* recorder: the process that writes it, of those in this memory; 0: none */
	uint32_t memory_told; /* recorder: it has been noted that it writes memory that a replay does not */
	uint32_t processors_told; /* recorder: it has been noted that CPUID is not recorded */
	uint32_t clocks_unsure; /* recorder: what the slot's clocks say may not be in the stream */
	uint32_t traces; /* recorder: it traces a recorded process, and that has been noted */
	uint32_t exiting; /* recorder: a thread is about to end the process */
	int64_t crowded_until_ns; /* recorder: threads crowd for the token until then; 0: not */
	uint32_t domains; /* recorder: bit per domain that we are a member of */
	uint32_t domain_spins; /* recorder: looks at a domain's token before sleeping until it can be had */
	uint32_t domain_vain; /* replay: so often in a row such looks were in vain */
	uint32_t domains_held; /* bit per domain whose turn is ours */
	uint64_t domain_turn[DOMAIN_COUNT]; /* replay: that turn's number */
	uint32_t maps_shared; /* recorder: shared anonymous memory has been mapped */
	uint32_t shared_count; /* recorder: what has been mapped shared */
	struct {
		uint64_t addr, len;
	} shared[SHARED_MAX];
	uint64_t shared_from, shared_to; /* all of it lies between */
	uint32_t code_count; /* recorder: what has been mapped, or made, executable since the start */
	struct {
		uint64_t from, to;
	} code[CODE_MAX];
	struct thread *sched_owner, *sched_first, *sched_last;
	uint32_t stack_count; /* of calls chosen for their stacks, so far */
	uint32_t beat; /* recorder: session.beat, and since when it is that */
	int64_t beat_since_ns;
	uint32_t head[TF_CALL_MAX]; /* recorder: how their events begin */
	uint8_t shape[TF_CALL_MAX]; /* recorder: SHAPE_* by call number, made when needed */
	/* start */
	int argc;
	char **argv, **envp;
	uint64_t *auxv;
	uint64_t start_sp;
	/* replay */
	struct stream_head *stream; /* mapped */
	uint64_t stream_map_len, stream_total, stream_pos;
	const uint8_t *frame; /* the frame looked at, its place in the stream */
	uint64_t frame_start, frame_len;
	uint64_t event_no; /* of the next event */
	struct event peeked; /* what head_peek found at peeked_pos */
	uint64_t peeked_pos; /* ~0: nothing */
	int64_t replay_tid;
	uint64_t brk; /* the program break */
	uint32_t pending_role;
	uint64_t pending_seq;
	uint32_t pending_file;
	uint32_t pending_shadow;
	int64_t pending_offset;
	uint64_t pending_size;
	struct {
		uint64_t addr, len;
	} segments[SEGMENT_MAX]; /* System V, attached */
	struct semaphore_set {
		int32_t id;
		uint32_t count; /* 0: none */
	} semaphore_sets[SEMAPHORE_SET_MAX]; /* replay: those whose size is known */
	uint32_t semaphore_set_next;
	uint32_t pending_stream;
	struct tf_in pending_oracles; /* at the addresses in the mapping to come */
	uint32_t pending_oracle_count;
	/* what is large comes last, so that all else lies in few pages */
	struct mappings maps; /* at start */
	struct site sites[SITE_MAX]; /* open addressing by address */
	struct oracle_site oracles[ORACLE_SITE_MAX]; /* the same */
	struct stack_taken stack_taken; /* recorder */
};

#define RT ((struct runtime *)DJ_PRIVATE)
enum { RUNTIME_LEN = 1 << 20 };
_Static_assert(sizeof(struct runtime) <= RUNTIME_LEN, "runtime");
#define DJ_THREADS (DJ_PRIVATE + RUNTIME_LEN)
enum { THREAD_STRIDE = 4096 * 2 + THREAD_STACK_LEN + THREAD_SIGSTACK_LEN };
_Static_assert(sizeof(struct thread) <= 8192, "thread");
_Static_assert(offsetof(struct thread, stack_top) == T_STACK_TOP, "entry.S");
_Static_assert(offsetof(struct thread, pending) == T_PENDING, "entry.S");
_Static_assert(offsetof(struct thread, oracle_sp) == T_ORACLE_SP, "entry.S");

static inline struct thread *dj_self(void)
{
	struct thread *t;

	__asm__("mov %%gs:0, %0" : "=r"(t));
	return t;
}

/* The process that a thread is of: it may live on when RT->live_pid, which made it, was killed. */
static inline int32_t thread_process(const struct thread *t)
{
	return t->process ? t->process : RT->live_pid;
}
/* Ours, whose memory ours is. */
static inline int32_t dj_own_pid(void)
{
	return RT->guests ? thread_process(dj_self()) : RT->live_pid;
}

/* --- entry.S --- */
/* Makes the call unless a signal was caught before it could have any effect:
 * then TF_RESTART. */
long dj_raw_wait(long nr, const unsigned long args[6]);
/* clone with `child` as the thread of a child that shares memory: it starts in
 * dj_child_start on its private stack. Returns in the parent only. */
long dj_raw_clone_vm(unsigned long flags, unsigned long stack, int *ptid, int *ctid,
		     unsigned long tls, struct thread *child);
/* Leaves to the program with these registers. */
void dj_leave(const struct pregs *p, uint64_t rip, uint64_t rsp) __attribute__((noreturn));
/* Calls fn(arg) on the private stack of t. */
long dj_on_stack(struct thread *t, long (*fn)(void *), void *arg);
/* Stores a clock's two words for the program. False: a fault of the store's, for which
 * the program has a handler. */
bool dj_clock_store(void *to, int64_t a, int64_t b);
extern char dj_clock_stored[], dj_clock_unwritable[];
extern char dj_window_start[], dj_window_syscall[], dj_window_abort[];
extern char dj_window_plain_start[], dj_window_plain_syscall[], dj_window_plain_abort[];
extern char dj_window_flags_start[], dj_window_flags_syscall[], dj_window_flags_abort[];
extern char dj_trap_entry[], dj_ret_generic[], dj_tramp_entry[], dj_tramp_entry_flags[];
/* Where the stubs of oracles call, and what follows when a signal is to be delivered. */
extern char dj_oracle_entry[], dj_oracle_trap[], dj_oracle_end[];
extern char dj_restorer[];
/* The return of the program's handlers where no trap catches it; to dj_sigreturn. */
extern char dj_sigreturn_entry[];
/* The kernel's rt_sigreturn to this context. */
void dj_raw_sigreturn(const struct k_ucontext *uc) __attribute__((noreturn));
extern char dj_stubs[], dj_stubs_end[];

/* --- memory.c --- */
/* As memcpy, memset to 0, memcmp, strlen; whether s begins with prefix. */
void *dj_copy(void *to, const void *from, size_t len); /* from the front: to may lie before from */
void dj_zero(void *to, size_t len);
int dj_compare(const void *a, const void *b, size_t len);
size_t dj_strlen(const char *s);
bool dj_starts(const char *s, const char *prefix);
/* Copies from memory of the program that may be unreadable. False when it is. */
bool dj_read_user(void *to, const void *from, size_t len);
/* Copies to memory of the program that may be unwritable. False when it is. */
bool dj_write_user(void *to, const void *from, size_t len);
/* Whether memory of the program can be read, now, while nobody else runs in this process. *known: a
 * page that is known to be readable; 1: none. */
bool dj_readable(const void *from, size_t len, uintptr_t *known);
/* dj_read_user for a page or two, by looking whether they can be read and then there. _in: known as
 * dj_readable has it. */
bool dj_fetch_user(void *to, const void *from, size_t len);
bool dj_fetch_user_in(void *to, const void *from, size_t len, uintptr_t *known);
/* Length of a string with its NUL that may be unreadable; 0 when it is, or when it is
 * longer than max bytes. */
size_t dj_strlen_user(const char *s, size_t max);
size_t dj_strlen_user_in(const char *s, size_t max, uintptr_t *known);
/* Text at p, without stdio and without NUL: a number in decimal (room for 20 bytes), in hexadecimal
 * (16), a string as far as before `end`. Return the end. */
char *dj_put_dec(char *p, int64_t v);
char *dj_put_hex(char *p, uint64_t v);
char *dj_put_text(char *p, const char *end, const char *s);
/* Ends the process after a message on descriptor 2: only for failures of our own that
 * leave nothing else. */
void dj_fatal(const char *what, long value) __attribute__((noreturn));

/* --- digest.c --- */
/* XXH64, seed 0. */
uint64_t dj_xxh64(const void *data, size_t len);

/* --- lengths.c --- */
/* The length in bytes of a TF_MEM argument's memory; for rules that depend on the result
 * pass it; `after`: value-result lengths hold their final value. */
size_t dj_mem_len(const struct tf_arg *arg, const void *mem, const unsigned long *args,
		  long result, bool after, unsigned long lenptr_capacity);
/* The length of a TF_CSTR argument's string, its NUL included if it is within bounds. */
size_t dj_string_len(const struct tf_arg *arg, const char *s);

/* --- stack.c --- */
/* Is the stack of this call, just being made, to be taken? Counts. */
bool stack_chosen(long nr);
static inline bool stack_wanted(long nr)
{
	return __builtin_expect(RT->session->stacks.every, 0) && stack_chosen(nr);
}
/* Takes it: all but event_no and full. */
void stack_take(struct thread *t, const struct pregs *p, struct stack_taken *taken);

/* --- trap.c --- */
void trap_arm(void); /* this thread */
void trap_start(void); /* the process: its handler, what is patched, this thread */
/* Where to resume when the program is to continue at rip: behind the trampoline when rip
 * lies in a patched site. */
uint64_t trap_resume_rip(uint64_t rip);

/* --- clock.c --- */
void clock_start(void); /* moves the vDSO: the program's clock reads come to us */
int64_t dj_now_slow(void); /* without a trustworthy TSC */
/* ns since the recording's start */
static inline int64_t dj_now(void)
{
	const struct session *s = RT->session;
	uint32_t lo, hi;

	if (!s->use_tsc)
		return dj_now_slow();
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (int64_t)((unsigned __int128)(((uint64_t)hi << 32 | lo) - s->tsc_base) *
				 s->tsc_mult >>
			 32);
}

/* --- signals.c --- */
/* rt_sigaction and rt_sigprocmask as the program means them: SIGSYS stays ours. */
long signals_action_apply(const unsigned long args[6]);
long signals_mask_apply(const unsigned long args[6]);
/* A signal arrived that is neither a fault of this thread nor ours: kept for the next
 * crossing, and with it all that follow. */
void signals_catch(struct thread *t, int signo, const struct k_siginfo *info,
		   struct k_ucontext *uc);
/* SIGSYS raised by signals_deliver. */
void signals_delivered(struct thread *t, struct k_ucontext *uc);
/* The program's mask at this crossing. */
uint64_t signals_mask(struct thread *t);
/* The child goes on with this thread's actions in a copy of its own. */
void signals_actions_copy(struct thread *child, const struct thread *t);
/* Ends the process by this signal's default action. */
void signals_die(int signo) __attribute__((noreturn));
long signals_altstack(struct thread *t, const struct pregs *p, const unsigned long args[6]);
/* Enters the program's handler for info at this crossing; rax is what the interrupted
 * call returns, restart: it is made again afterwards. Does not return. */
void signals_deliver(struct thread *t, struct pregs *p, const struct k_siginfo *info,
		     bool restart) __attribute__((noreturn));
/* rt_sigreturn met by the trap: uc becomes the context the program returns to. */
void signals_return(struct thread *t, struct k_ucontext *uc);
void signals_install(int signo);
/* From now on the process's memory is others' as well: a fault that ends it goes through our hands
 * first (boundary_fatal). */
void signals_catch_faults(struct thread *t);
/* Around exec: the new image inherits what the program has blocked and ignored. */
void signals_for_exec(struct thread *t, bool begins);
/* What the kernel calls for a signal that the program handles. */
void signal_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc);
/* Turns an interrupted context in program code into the entry of the handler for info. */
void signals_enter(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc);
bool signals_fatal_by_default(int signo);
enum { SIGILL_NR = 4, SIGSEGV_NR = 11, SIGSYS_NR = 31 };
#define SIG_BIT(s) (1ull << ((s) - 1))
#define SIGSYS_BIT SIG_BIT(SIGSYS_NR)
/* Never blocked for the kernel, since it would end the process. */
static inline uint64_t signals_kept_open(void)
{
	return SIGSYS_BIT | SIG_BIT(SIGILL_NR) | (RT->trap_tsc ? SIG_BIT(11) : 0);
}

/* --- slots.c --- */
/* Claims a free slot for a new stream. NULL when there is none. */
struct slot *slot_claim(struct thread *t, uint32_t stream, uint32_t parent);
void slot_release(struct slot *slot);
/* Makes sure that shared memory is really there: touching what /dev/shm has no room for
 * would be a SIGBUS in the program. `at` begins a page. */
bool slot_memory(void *at, size_t len);
/* Who made a child says its pid, in case the child dies before it can. The child may as
 * well have ended, and its slot be another's. */
void slot_tell_pid(const struct slot *slot, uint32_t stream, int32_t *field, int32_t pid);
/* Where a process that will share our memory is entered; NULL: there are too many. */
int32_t *slot_guest_enter(struct slot *slot);
unsigned slot_index_of(const struct slot *slot);
/* Writes the environment entry that leads an image to this slot, NUL included; returns
 * the end. */
char *slot_env_put(char *text, const struct slot *slot);

/* --- hooks.c --- */
/* The runtime object is not the first library in the dynamic linker's list: it goes to its end. */
void view_objects(void);

/* --- maps.c --- */
void maps_read(void); /* RT->maps */
/* At addr there is, now, a file's text which this process may not write. */
bool maps_is_text(uint64_t addr);

/* --- view.c --- */
void view_environment(char **envp); /* sets RT->auxv */
void view_session_name(void); /* no trace of the session's own name, in what the linker shows */

/* --- threads.c --- */
/* A zeroed thread with stacks; NULL: there are THREAD_MAX. Given back by thread_free. */
struct thread *thread_alloc(void);
void thread_free(struct thread *t);
void thread_activate(struct thread *t); /* %gs, the signal stack */
void dj_child_start(struct thread *t);	/* from entry.S, in a child sharing memory */

/* The thread of this id, or NULL. */
struct thread *thread_by_tid(int32_t tid);
/* Whether this id, as the program knows it, is the process's or one of its threads'. */
bool thread_is_ours(int32_t id);
/* The next thread behind `after` (NULL: the first) that is a process apart, or NULL. */
struct thread *threads_apart(const struct thread *after);
/* Whether the process has a thread but this one; those that share its memory are not its own. */
bool threads_of_ours(const struct thread *other);
/* It was a process apart, and has ended or executed another program. */
bool thread_is_gone(const struct thread *t);
/* Forgets a thread that is at its end. */
void thread_bury(struct thread *t);
/* After fork: only t exists. */
void threads_forget_others(struct thread *t);
/* The end of a thread while others live on: what the kernel would do by itself is done
 * now, under the token. */
void thread_clear_tid(struct thread *t);
/* What clone would be told in place of this clone, fork or vfork. */
unsigned long thread_clone_flags(long nr, const unsigned long args[6]);
/* Makes the kernel thread; flags as the program gave them. Returns its live id. */
long thread_clone(struct thread *child, unsigned long flags, int32_t *ptid, int32_t *ctid,
		  unsigned long tls);

/* --- futex.c: words that the kernel would write --- */
enum futex_way {
	FUTEX_PLAIN, /* the kernel only reads the word */
	FUTEX_DONE,  /* *result is the call's */
	FUTEX_WAKES, /* the recorder calls futex_wakes(args, *result) for the result */
	FUTEX_WAITS, /* the recorder waits while the word is *result, then again */
};
/* Before a futex call, under the token, in both modes: does what is to be done in memory. */
enum futex_way futex_enter(struct thread *t, const unsigned long args[6], long *result);
long futex_wakes(const unsigned long args[6], long entered);
void futex_wait_args(const unsigned long args[6], long value, unsigned long wait[6]);
/* The end of a thread: its robust locks become its heirs'. */
void futex_robust_exit(struct thread *t);
/* The end of the process, which this thread brings about: all its threads' are. */
void futex_robust_end(struct thread *self);

/* --- sched.c: the token --- */
/* This thread is the process's only one and holds the token. */
void sched_reset(struct thread *t);
/* First come, first served. */
void sched_release(struct thread *t);
void sched_acquire(struct thread *t);
/* Around exec: nobody asks the token's holder to stop. The request would stay pending and
 * end the next image. */
void sched_leave(struct thread *t, bool leaving);
/* The vfork child is gone: t takes the token from it, or queues in its stead. */
void sched_inherit(struct thread *t, struct thread *child);
/* Passes the token to a certain thread, and waits to have it again; without waiting;
 * waits only. */
void sched_pass(struct thread *t, struct thread *to);
void sched_give(struct thread *to);
void sched_await(struct thread *t);
/* After passthrough was set: everybody runs, as without us. */
void sched_open(void);
/* Does anybody wait for what t, which runs, holds? */
bool sched_wanted(const struct thread *t);
/* The token's holder gives it away and waits until it comes round again: at once if nobody waits. */
void sched_go_round(struct thread *t);
/* The thread's state as /proc names it: R, S, D, T, t, Z; 0: that cannot be read. */
char sched_state(int32_t live_tid);
/* Whether a tracer, or a signal, has stopped the thread; where that cannot be read, not. */
bool sched_is_stopped(int32_t live_tid);

/* --- tsc.c --- */
/* After boundary_start, in every image that is to trap. */
void tsc_start(void);
/* Around exec, and in a new thread. */
void tsc_forbid(bool on);
/* SIGSEGV: false when it is no reading of the counter. */
bool tsc_trapped(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc);
/* The counter itself, and what RDTSCP gives besides. */
uint64_t tsc_read(uint32_t *aux);

/* --- oracles.c --- */
/* In every image, before boundary_start. */
void oracles_start(struct thread *t);
/* Replaces the instruction at addr by a jump, which has room there (oracle.h), or, where it has not, by
 * a trap; a recorder leaves a PAUSE alone then. writable: its memory is. False: there is no oracle, or
 * no room to remember it. */
bool oracle_plant(uint64_t addr, unsigned room, bool writable);
/* The end of a loop: from an instruction that a jump can replace alone straight on to the jump back, to there
 * or before. */
struct oracle_loop {
	uint64_t to;
	uint8_t back_at, len; /* from the instruction on, bytes: where the jump back is, where it ends */
};
/* False: there is none at addr. */
bool oracle_loop_at(uint64_t addr, struct oracle_loop *loop);
/* Puts a PAUSE on the way back, in text that only the token's holder executes now. False: there is no room, or
 * there is one. */
bool oracle_plant_loop(uint64_t addr, const struct oracle_loop *loop);
/* The process gets a second thread, which runs no program code yet: those with ORACLE_LATER. */
void oracles_arm(void);
/* What was replaced there, or NULL. */
const struct oracle_site *oracle_at(uint64_t addr);
/* Something else is there now. */
void oracles_forget(uint64_t addr, uint64_t len);
/* The interrupted context is on its way through an oracle, whose crossing may have looked for signals
 * already. */
bool oracles_hold(const struct k_mcontext *mc);
/* SIGILL: false when it is none of these. */
bool oracles_trapped(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc);

#include "boundary.h"

#endif
