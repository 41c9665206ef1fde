/*
 * The call stack of another process, through ptrace and libunwind.
 */
#ifndef DEJA_TOOLS_STACK_H
#define DEJA_TOOLS_STACK_H

#include <stdint.h>
#include <stdio.h>
#include "tracefmt/deja.h"

enum { STACK_FRAME_MAX = 32 };

/* The program's registers at its last crossing: the live ones are the runtime's. */
struct stack_regs {
	uint64_t rip, rsp, rbp, rbx, r12, r13, r14, r15; /* rip 0: unknown */
};

/* Prints the stack of the thread `tid`, one indented line a frame, innermost first; or
 * one line that says why it cannot be had. regs, if known, are where it begins. Frames of the runtime deja itself put into the
 * process are left out. The thread is stopped meanwhile and goes on as it was; its exit is
 * never reaped. */
void stack_print(FILE *out, int32_t tid, const struct stack_regs *regs);

/* Frames of files that are stored in this recording get the names they had; NULL: as the
 * kernel calls them. */
void stack_names(const deja_recording *rec);

#endif
