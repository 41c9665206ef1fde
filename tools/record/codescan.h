/*
 * Instructions in a program's text whose results the recorder must see (preload/insn.h,
 * struct insn_oracle): where they are in a file. Called by the supervisor when it stores one.
 */
#ifndef DEJA_TOOLS_CODESCAN_H
#define DEJA_TOOLS_CODESCAN_H

#include <stddef.h>
#include <stdint.h>
#include "tools/elf.h"

struct code_oracle {
	uint64_t offset; /* in the file, of the instruction's first byte */
	uint8_t kind;	 /* enum insn_oracle_kind */
	uint8_t cover; /* bytes of whole instructions from it on that a jump may stand for; 0: what
			* follows may be jumped to, or cannot be executed elsewhere */
	int8_t pad; /* without one: how far behind two bytes, the short jump there, five bytes of padding
		     * are that nothing ever executes; 0: none in reach */
	bool sure; /* it is an instruction: a function of known bounds, decoded from its
		    * beginning to its end, has it. Otherwise it looks like one by what follows,
		    * where no bounds are known */
	uint64_t begin, end; /* that function's, as offsets in the file; 0: not known */
};

/* Finds them, and room for jumps in their places (without: cover and pad are 0, and libc takes 0.5 ms in
 * place of 1.4). *found: malloc'd, by offset, the caller's; returns how many. */
size_t code_scan(const struct elf_file *elf, bool jumps, struct code_oracle **found);
/* "rdrand"; of one that has a value. */
const char *code_oracle_name(uint8_t kind);

#endif
