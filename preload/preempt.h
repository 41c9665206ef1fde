/*
 * Forced preemption: stopping a thread that runs program code without ever crossing,
 * because another has waited too long for the token or a caught signal for its delivery.
 * Where it was stopped is a PREEMPT event; the replay stops it at the same place.
 *
 * No performance counter counts instructions for us, so a place is told by the thread's
 * state: the instruction pointer, all general registers, and memory that the computation
 * works on. If the states are equal, stopping there is equal, whichever round of a loop it is; so
 * all depends on comparing enough, and on comparing fast.
 *
 * Enough: the recorder steps through some tens of instructions before the stop and notes every
 * word of memory that they name, and every vector register that they change. A loop that
 * counts anywhere is told apart by these words; a loop in which none of them changes is a spin,
 * and may be stopped in any round. With them go words of the stack, and digests of the stack
 * further up, of what registers point at, of the executable's data and of its heap: an inner loop
 * comes to the same state again, and where the outer one counts, is seen there alone. In memory that
 * the program has mapped, that is looked for by following pointers (recorder/reach.c): what is not
 * reached in two steps is not compared.
 *
 * Fast: the recorder stops where an instruction can be replaced by a jump (insn.h). The replay
 * has the comparison there as a few instructions of its own (replayer/stub.c): one or
 * two nanoseconds for every round that is not the one.
 */
#ifndef DEJA_PRELOAD_PREEMPT_H
#define DEJA_PRELOAD_PREEMPT_H

#include "runtime.h"
#include "insn.h"

enum {
	PREEMPT_REG_COUNT = 17, /* r8..r15 rdi rsi rbp rbx rdx rax rcx rsp rip */
	PREEMPT_RSP = 15,
	PREEMPT_RIP = 16,
	PREEMPT_AFTER_NS = 10 * 1000 * 1000,
	PREEMPT_PAUSED_NS = 50 * 1000 * 1000, /* for one that waits in a loop with PAUSE itself */
	PREEMPT_SPIN_NS = 1000 * 1000, /* of a thread that spun when it was last stopped, pausing or not */
	PREEMPT_STACK_LEN = 384, /* digested above rsp, within its page */
	PREEMPT_MEMORY_LEN = 256, /* digested where a register points, within its page */
	PREEMPT_WORD_MAX = 256,
	PREEMPT_AREA_MAX = 256,
	PREEMPT_CODE_LEN = 32,
};

struct preempt_place {
	uint64_t reg[PREEMPT_REG_COUNT];
	uint64_t stack_digest;
	uint64_t memory_digest; /* 0: none */
};

/* A word of memory, or, below WORD_LAST, of the thread's other state. */
struct preempt_word {
	uint64_t addr, value;
};
enum {
	WORD_VECTOR = 0, /* + 2 n: the low half of vector register n, + 2 n + 1: the high half */
	WORD_FLAGS = 32, /* the arithmetic flags */
	WORD_PAUSES = 33, /* PAUSEs since the last that ended the thread's turn */
	WORD_LAST = 4096,
};

struct preempt_area {
	uint64_t addr, len, digest;
};

/* A breakpoint of the replay that may cover several instructions: where each of them is
 * executed instead. */
enum { MOVED_MAX = 5 };
struct preempt_moved {
	uint64_t from, to;
};

/* The stop that the recorder prepares, or the one that the replayer waits for: of one thread
 * at a time, since only the token's holder runs. */
struct preempt_state {
	/* not looked at: their insides differ between the modes */
	uint64_t linker_from, linker_to; /* the dynamic linker */
	uint64_t object_from, object_to; /* the runtime object */
	uint64_t data_from, data_to;	 /* the executable's data */
	uint64_t heap_from;		 /* the first program break */

	/* the recorder's probe */
	struct thread *prober; /* NULL: nobody is stepped */
	uint32_t steps;
	bool blocked;	 /* the program blocks SIGTRAP; those that were sent to it meanwhile: */
	uint32_t sent_count;
	struct k_siginfo sent[2]; /* one to the thread, one to the process */
	bool used_stack; /* the stack pointer has changed */
	bool waits;	 /* in a loop whose rounds change nothing */
	bool counts;	 /* ... nothing but a register that counts them */
	uint64_t wait_at; /* the place in it where its turns are to end from now on; 0: there is none */
	uint32_t pauses; /* instructions PAUSE */
	uint32_t stops_looked_at; /* for how much memory the process has */
	uint32_t shared_code_told;
	uint64_t start_reg[PREEMPT_REG_COUNT];
	uint8_t start_vectors[256];
	struct preempt_visit {
		uint64_t rip;
		uint32_t count;
	} visits[512]; /* hashed by rip */

	/* the replayer's breakpoint; RT->break_addr is its address, or 0 */
	uint64_t was_blocked; /* of BREAK_SIGNALS, those that the program blocks */
	uint32_t place_waits; /* there is a loop's end of so many bytes, at which turns end from now on; 0: there is not */
	struct preempt_area place_code; /* at the place, where the program may write to it; len 0: not told */
	bool code_guarded; /* fresh.c: its pages cannot be written to */
	bool code_stepped; /* fresh.c: but by this one instruction */
	uint32_t code_kept; /* fresh.c: writes that left it as it is to be, since one that did not */
	bool stands;	   /* the breakpoint stands */
	bool stub; /* a jump to comparing code stands there; else a trap */
	bool stub_trapped; /* a trap stands there all the same: the moved code alone is used */
	uint8_t original[16], planted[16];
	uint32_t planted_len;
	long text_fd; /* while a trap alone stands: the process's memory */
	uint64_t code, data; /* of the stub */
	uint64_t entry, hit, go_on; /* in it: the comparison, its trap, the moved code */
	uint32_t inside_count;	    /* jumps among the covered instructions */
	struct preempt_moved moved[MOVED_MAX];
	uint32_t moved_count;
	uint32_t check_count, check_next;
	uint16_t check[8]; /* what the stub compares: registers, then words */
	uint64_t visit_count, near_count;
	uint32_t last_area; /* that told so; asked first */
	uint64_t near_addr, near_value, near_wanted; /* when it was a word: which, what it was here, and there */
	const char *near_what; /* what differed when all before it was equal */

	/* the place */
	struct preempt_place place;
	uint32_t word_count, area_count;
	struct preempt_word words[PREEMPT_WORD_MAX];
	struct preempt_area areas[PREEMPT_AREA_MAX];
	bool readable[PREEMPT_WORD_MAX]; /* replay: no need to be careful */
	uint8_t piece[8 + 4096];
};
enum { PREEMPT_STATE_LEN = 32 * 1024 };
_Static_assert(sizeof(struct preempt_state) <= PREEMPT_STATE_LEN, "preempt state");
_Static_assert(sizeof(struct runtime) <= RUNTIME_LEN - PREEMPT_STATE_LEN, "preempt state");
#define PREEMPT ((struct preempt_state *)(DJ_PRIVATE + RUNTIME_LEN - PREEMPT_STATE_LEN))

/* At an image's start, after view_environment: where the linker and the data are. */
void preempt_start(void);
/* Fills *place from an interrupted context, without memory_digest. */
void preempt_place_of(const struct k_mcontext *mc, struct preempt_place *place);
/* The digest of what registers point at, which recordings without areas have. */
uint64_t preempt_memory_digest(const struct k_mcontext *mc);
uint64_t preempt_stack_digest(const struct k_mcontext *mc);
/* A word's value in this context. False: it cannot be read. */
bool preempt_word_read(const struct k_mcontext *mc, uint64_t addr, uint64_t *value);
/* A pointer into what the recorder's and the replayer's objects do not have in common. */
bool preempt_is_internal(uint64_t value);
/* The digest of an area, in which such pointers count as 0: of every 4096 bytes with the digest of
 * those before them. False: it cannot be read. */
bool preempt_area_digest(uint64_t addr, uint64_t len, uint64_t *digest);
/* Of a piece of up to 4096 bytes, behind those with this digest; `bytes` begins a word. */
uint64_t preempt_piece_digest(uint64_t before, const uint8_t *bytes, size_t len);
/* True when the interrupted context is program code, not ours nor the dynamic linker's. */
bool preempt_in_program(const struct thread *t, const struct k_mcontext *mc);
/* Where the program believes to be when it is at rip: not in the breakpoint's stub. */
uint64_t preempt_original_rip(uint64_t rip);
/* The signal, queued with this value, with which a thread is asked to stop. */
#define PREEMPT_VALUE 0x64656a61707265ull
bool preempt_is_request(const struct k_siginfo *info);
void preempt_request(const struct thread *target);

/* The instructions that a jump of JUMP_LEN bytes written at `at` would cover: at least one. */
enum { COVER_ROOM = 32 };
struct preempt_cover {
	uint8_t code[COVER_ROOM];
	struct insn in[MOVED_MAX];
	uint8_t offset[MOVED_MAX];
	unsigned count;
	size_t len; /* of all of them */
};
/* False: one of them cannot be executed elsewhere, or there is no place from which. */
bool preempt_cover_at(uint64_t at, struct preempt_cover *cover);
/* Maps the pages of a stub (STUB_LEN bytes, writable) to which a jump at `at` may lead: returns
 * where; 0: nowhere. *n: the first try, then the one that succeeded. The recorder does so to see
 * that there is room. */
enum { STUB_LEN = 4 * 4096 };
uint64_t preempt_map_stub(uint64_t at, const struct preempt_cover *cover, uint8_t trap,
			  unsigned *n);
void preempt_unmap_stub(uint64_t entry);

/* In both modes: has the kernel call `handler` for SIGTRAP. */
void preempt_take_trap(void (*handler)(int, struct k_siginfo *, struct k_ucontext *));
/* Whether this SIGTRAP says that one instruction was stepped. */
bool preempt_is_step(const struct k_siginfo *info, const struct k_mcontext *mc);
/* Of them none may be blocked while a breakpoint stands, or is to be planted (RT->break_addr). */
#define BREAK_SIGNALS (SIG_BIT(SIGTRAP_NR) | SIG_BIT(SIGSEGV_NR))
enum { SIGTRAP_NR = 5, TRAP_FLAG = 0x100, INT3 = 0xcc, PUSH_ES = 0x06 };

#endif
