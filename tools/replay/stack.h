/*
 * The call stack of another process, unwound by the recording's stored files.
 */
#ifndef DEJA_TOOLS_STACK_H
#define DEJA_TOOLS_STACK_H

#include <stdint.h>
#include <stdio.h>
#include "tracefmt/deja.h"

/* The program's registers at its last crossing: the live ones are the runtime's. */
struct stack_regs {
	uint64_t rip, rsp, rbp, rbx, r12, r13, r14, r15; /* rip 0: unknown */
};

/* Prints the stack of the thread `tid`, one indented line a frame, innermost first; or one line that
 * says why it cannot be had. regs is where it begins: the thread stands still; where they are not
 * known it is stopped and goes on as it was, and its exit is never reaped. Frames of deja's own
 * object are left out. rec may be NULL: it could not be read. */
void stack_print(FILE *out, int32_t tid, const struct stack_regs *regs, deja_recording *rec,
		 const char *rec_path);

#endif
