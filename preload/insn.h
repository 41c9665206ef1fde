/*
 * What is known of one x86-64 instruction without running it: its length, how it goes on,
 * and which memory it names. Enough to move an instruction elsewhere and to tell what a
 * loop works on; not a disassembler.
 */
#ifndef DEJA_PRELOAD_INSN_H
#define DEJA_PRELOAD_INSN_H

#include "runtime.h"
#include "oracle.h"

enum { INSN_MAX_LEN = 15 };
enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

/* How the instruction goes on. */
enum insn_flow {
	INSN_NEXT,	 /* behind itself */
	INSN_JUMP,	 /* jmp with a displacement */
	INSN_BRANCH,	 /* jcc with a displacement */
	INSN_LEAVES,	 /* ret, jmp through a register or memory */
	INSN_CALL,	 /* pushes its own address */
	INSN_SHORT,	 /* loop, jrcxz: conditional, with an 8-bit displacement alone */
	INSN_STOPS,	 /* a trap, a system call, a privileged instruction */
};

struct insn {
	uint8_t len;
	uint8_t flow;	  /* enum insn_flow */
	uint8_t rel_at, rel_len; /* a jump's displacement; 0: none */
	uint8_t rip_at;	  /* of a displacement from %rip; 0: none */
	uint8_t modrm_at; /* 0: none */
	uint8_t segment;  /* 0x64 %fs, 0x65 %gs, else 0 */
	bool repeats;	  /* a string instruction with a rep prefix */
	bool string;	  /* works at rsi and rdi */
	bool shows_flags; /* pushf: stores the flags, the trap flag among them */
	bool touches;	  /* reads or writes the memory that its ModRM names */
	uint8_t rex;	  /* or what a VEX prefix has of it */
};

/* Decodes the instruction whose first `room` bytes are at code. False: not one that is known,
 * or cut short. */
bool insn_decode(const uint8_t *code, size_t room, struct insn *in);
/* Whether the instruction at code is one. */
bool insn_is_oracle(const uint8_t *code, size_t room, struct insn_oracle *oracle);
/* The target of a jump or branch that lies at `at`. */
uint64_t insn_target(const struct insn *in, const uint8_t *code, uint64_t at);
/* The address that the instruction at `at` names with its ModRM in this context. False: none,
 * or not told by general registers. */
bool insn_address(const struct insn *in, const uint8_t *code, uint64_t at,
		  const struct k_mcontext *mc, uint64_t *address);

#endif
