/*
 * Oracles: instructions whose results only the processor knows. Included by the runtime and by
 * the tools; plain data.
 */
#ifndef DEJA_PRELOAD_ORACLE_H
#define DEJA_PRELOAD_ORACLE_H

#include <stdint.h>

/*
 * An instruction whose result follows neither from the program nor from the kernel: random
 * numbers, the time stamp counter, the processor's number, what CPUID tells (of this processor and
 * where the thread is). Each becomes a trap when its opcode's last byte but the ModRM (at trap_at)
 * is replaced by INSN_TRAP, and its length stays: ud2, with what is left of it behind.
 */
enum insn_oracle_kind {
	ORACLE_NONE = 0,
	ORACLE_RDRAND = 1, /* as in TF_EV_INSN */
	ORACLE_RDSEED = 2,
	ORACLE_RDPID = 3,
	ORACLE_RDTSC = 4,
	ORACLE_RDTSCP = 5,
	ORACLE_CPUID = 6,
	ORACLE_CPUID_REST = 7, /* the event of its other two registers */
};
enum { INSN_TRAP = 0x0b };
enum { ORACLE_COVER_MAX = 4 + 15 }; /* bytes that a jump may cover: of five the last may begin one */
struct insn_oracle {
	uint8_t kind; /* enum insn_oracle_kind */
	uint8_t len;
	uint8_t trap_at;
	uint8_t width; /* of the destination, bytes: 2, 4, 8 */
	uint8_t reg;   /* the destination, as instructions number them */
};

#endif
