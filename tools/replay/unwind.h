/*
 * Unwinding a stack that was taken some time ago: from its registers, its bytes, and the files
 * that were mapped, by libunwind. Nothing of the process is needed.
 */
#ifndef DEJA_TOOLS_UNWIND_H
#define DEJA_TOOLS_UNWIND_H

#include <stddef.h>
#include <stdint.h>
#include "tools/space.h"

enum { UNWIND_FRAME_MAX = 64 };

struct unwind_frame {
	uint64_t ip;
	const char *function; /* NULL: not known */
	uint64_t offset;      /* in the function; without one, in the object's file */
	const char *object;   /* the file's name without directories, NULL: not known */
};

struct unwinder;

/* rec_path: the recording's directory. runtime_path: deja's object, as it was in the process
 * that the stacks are from; NULL: as it was stored. NULL when memory is out. */
struct unwinder *unwinder_open(deja_recording *rec, const char *rec_path,
			       const char *runtime_path);
void unwinder_close(struct unwinder *u);
/* reg: rip, rsp, rbp, rbx, r12 ... r15; bytes: the stack from rsp on. Returns the number of
 * frames, innermost first, deja's own left out. The strings live as long as the unwinder. */
size_t unwind(struct unwinder *u, const struct space *space, const uint64_t reg[8],
	      const uint8_t *bytes, size_t len, struct unwind_frame frame[UNWIND_FRAME_MAX]);

#endif
