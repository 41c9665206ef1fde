/*
 * Functions of programs that Go made: they have no unwind table, and no symbols when stripped, but the
 * table of its own runtime (.gopclntab), which stays. Called by codescan.c. Trusts nothing in the file.
 */
#ifndef DEJA_TOOLS_GO_TABLE_H
#define DEJA_TOOLS_GO_TABLE_H

#include "tools/elf.h"

struct go_table {
	const uint8_t *entries; /* pairs: where a function begins, and where it is described */
	size_t count;		/* of functions; one more entry says where the last one ends */
	uint64_t base;		/* what is added to the entries */
	unsigned width;		/* bytes of a number: 4, 8 */
};

/* Of a file without one, or of an unknown version: no functions. */
void go_table_open(struct go_table *g, const struct elf_file *elf);
/* The function that lies around an address, with what pads it. False: none that is known. */
bool go_function(const struct go_table *g, uint64_t addr, uint64_t *begin, uint64_t *len);

#endif
