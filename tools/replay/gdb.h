/*
 * What a debugger is to look at: shared by `deja gdb` and `deja workspace`.
 */
#ifndef DEJA_TOOLS_GDB_H
#define DEJA_TOOLS_GDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tracefmt/deja.h"

enum debug_stop { STOP_MAIN, STOP_START, STOP_EVENT, STOP_CRASH, STOP_TIME };

struct debug_target {
	uint32_t stream;
	int32_t pid; /* recorded */
	int signal;  /* that ended the process, or 0 */
	enum debug_stop stop;
	uint64_t event;	  /* to stop at (STOP_EVENT) */
	int64_t time_ns;
	uint64_t image_event; /* the first of the image or forked child meant */
	bool is_child;	      /* it is a forked child, in the middle of its parent's image */
	uint64_t last_event;  /* of the stream */
	uint32_t image_file;  /* stored file, or 0 */
};

/* Finds what is meant: stop as -g has it, or NULL; pid 0: the recorded command, or the process
 * that crashed. False after printing why there is no such thing. */
bool debug_target_find(deja_recording *rec, const char *stop, int32_t pid,
		       struct debug_target *target);
struct debug_pace;
/* Writes dir/settings for the debugger's script. rec_path is absolute. pace: gdb_pace.h, or NULL. mi:
 * gdb's standard output is a protocol. */
bool debug_settings_write(const char *dir, const char *rec_path, deja_recording *rec,
			  const struct debug_target *target, const struct debug_pace *pace,
			  bool mi);
/* The argument of --pid. False after printing that it is none. */
bool debug_pid(const char *command, const char *text, int32_t *pid);
/* dir/names/rt.so: the replayed process knows our object by that name. */
bool debug_link_runtime(const char *dir);

#endif
