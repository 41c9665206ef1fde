/*
 * The report of a divergence, for `deja replay` and `deja verify`.
 */
#ifndef DEJA_TOOLS_REPORT_H
#define DEJA_TOOLS_REPORT_H

#include <stdint.h>
#include <stdio.h>
#include "preload/session.h"
#include "replayer/divergence.h"
#include "tools/replay/stack.h"

struct divergence {
	int32_t pid, tid; /* as recorded */
	uint32_t stream;
	uint64_t event_no; /* the event that should have matched, from 1 */
	int32_t live_pid;  /* the stopped thread here, for the stack; 0: none */
	unsigned kind;	   /* enum divergence_kind */
	long nr;	   /* what the program does now; -1: no call */
	unsigned long args[6];
	unsigned arg;		     /* 0..5: which argument differs (kinds 2, 3) */
	unsigned long expected, got; /* kinds 2 and 7 */
	uint64_t offset;	     /* kind 3: the first differing byte */
	/* Kind 3: bytes from divergence_window(offset) on; expected_len 0: the recording
	 * holds a digest only, and got_bytes are the first ones. */
	uint8_t got_bytes[DIVERGENCE_BYTES];
	uint32_t got_len;
	uint8_t expected_bytes[DIVERGENCE_BYTES];
	uint32_t expected_len;
	char text[256]; /* a remark of the engine, or empty */
	struct stack_regs regs; /* the program's, where it crossed */
};

/* Prints the report. rec_path is opened again to show the events; live_pid is attached
 * to, unwound and let go. Every part that cannot be had is replaced by a line saying
 * why. Nothing in *d is trusted beyond its type. json_path: written as JSON there, too
 * (deja-replay(1) has its members); NULL: not. */
void report_divergence(FILE *out, const char *json_path, const char *rec_path,
		       const struct divergence *d);

#endif
