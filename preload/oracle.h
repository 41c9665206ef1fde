/*
 * Oracles: instructions whose results only the processor knows. Included by the runtime and by
 * the tools; plain data.
 */
#ifndef DEJA_PRELOAD_ORACLE_H
#define DEJA_PRELOAD_ORACLE_H

#include <stdint.h>
#include "tracefmt/wire.h"

/*
 * An instruction whose result follows neither from the program nor from the kernel: random
 * numbers, the time stamp counter, the processor's number, what CPUID tells (of this processor and
 * where the thread is). Each becomes a trap when its opcode's last byte but the ModRM (at trap_at)
 * is replaced by INSN_TRAP, and its length stays: ud2, with what is left of it behind.
 *
 * PAUSE is met in the same way, though it has no result: a thread that executes it waits for
 * another one, so its turn may end there, at a place that can be counted.
 */
enum insn_oracle_kind {
	ORACLE_NONE = 0,
	ORACLE_RDRAND = TF_INSN_RDRAND,
	ORACLE_RDSEED = TF_INSN_RDSEED,
	ORACLE_RDPID = TF_INSN_RDPID,
	ORACLE_RDTSC = 4, /* these have events of their own */
	ORACLE_RDTSCP = 5,
	ORACLE_CPUID = TF_INSN_CPUID,
	ORACLE_CPUID_REST = TF_INSN_CPUID_REST, /* the event of its other two registers */
	ORACLE_PAUSE = TF_INSN_PAUSE,
};
enum { INSN_ESCAPE = 0x0f, INSN_TRAP = 0x0b };
enum { ORACLE_COVER_MAX = 4 + 15 }; /* bytes that a jump may cover: of five the last may begin one */
/*
 * Where the jump in place of an oracle has room: 0: nowhere, it is a trap; up to ORACLE_COVER_MAX: in
 * so many bytes of whole instructions, from its own on; ORACLE_PAD + d: in padding that is never
 * executed, d (one byte, signed) behind two bytes that become a short jump there; ORACLE_LATER: nowhere,
 * and the trap is put there when the process first has a second thread.
 */
enum {
	ORACLE_PAD = 256,
	ORACLE_LATER = ORACLE_PAD + 256,
	ORACLE_ROOM_MAX = ORACLE_LATER,
	SHORT_JUMP_LEN = 2,
	JUMP_LEN = 5,
};
/* Whether the jump is in padding. */
static inline int oracle_has_pad(unsigned room)
{
	return room >= ORACLE_PAD && room < ORACLE_LATER;
}
struct insn_oracle {
	uint8_t kind; /* enum insn_oracle_kind */
	uint8_t len;
	uint8_t trap_at;
	uint8_t width; /* of the destination, bytes: 2, 4, 8 */
	uint8_t reg;   /* the destination, as instructions number them */
};

#endif
