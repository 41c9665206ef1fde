/*
 * What a debugger of a replay is told, at a fixed address in the replayed process. The
 * debugger's scripts (tools/replay/gdb) read it as an array of 64-bit words, so that they need no
 * symbols of ours: members are only ever added, at the end.
 */
#ifndef DEJA_REPLAYER_DEBUG_H
#define DEJA_REPLAYER_DEBUG_H

#include "replay.h"

enum debug_reason {
	DEBUG_EVENT = 1, /* the event asked for was served */
	DEBUG_LAST,	 /* it was, and with it this image or process ends */
	DEBUG_DIVERGED,
	DEBUG_DIES, /* by the signal that debug_signal() tells */
};

struct debug_facts {
	uint64_t magic;
	uint64_t text_start, text_end; /* our code */
	uint64_t stop;		       /* debug_stop(): a breakpoint there sees every stop */
	uint64_t event_no;	       /* address of: events served (8 bytes) */
	uint64_t stop_event;	       /* address of: slot->stop_event (8 bytes) */
	uint64_t replay_tid;	       /* address of: the running thread's recorded id */
	uint64_t pools, pool_count, pool_size; /* struct stub_pool: next, end come first */
	uint64_t sites, site_count, site_size; /* struct site: addr, tail, start */
	uint64_t stream;
	/* of the last stop */
	uint64_t reason; /* enum debug_reason */
	uint64_t resume; /* where the thread goes on in the program, 0: not known */
	uint64_t thread_tid; /* in what %gs leads to: offset of a thread's recorded id (4 bytes) */
	uint64_t signal;     /* debug_signal(): a breakpoint there sees which are the program's */
	uint64_t trap_tsc;   /* SIGSEGV may be ours, too */
	uint64_t shown;	     /* the address of the program's own fault that was shown last */
};

#define DEBUG_MAGIC 0x6a65646762756765ull
#define DEBUG_AT    (DJ_PRIVATE + RUNTIME_LEN - 4096)
#define DEBUG	    ((struct debug_facts *)DEBUG_AT)
_Static_assert(sizeof(struct runtime) <= RUNTIME_LEN - 4096, "debug facts");

#endif
