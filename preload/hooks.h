/*
 * The first door's state, one struct hook per row of hooks.def. It lies at the place that
 * the link fixes for both runtime objects (entry.S, .span), as the hooks' code does: what
 * a crossing leaves on the program's stack is the same in both modes.
 */
#ifndef DEJA_PRELOAD_HOOKS_H
#define DEJA_PRELOAD_HOOKS_H

#include <stdint.h>

struct hook {
	void *next;	 /* who would be called without us; NULL: not looked up yet */
	uint64_t direct; /* that is libc: its function may be replaced by the call */
};

enum {
#define PLAIN(type, name, params, args, nr) HOOK_##name,
#define HOOK(type, name, params, args, when, nr, ...) HOOK_##name,
#define MODE(name, params, last, args, nr, ...) HOOK_##name,
#include "hooks.def"
#undef PLAIN
#undef HOOK
#undef MODE
	HOOK_COUNT
};

enum { HOOK_ROOM = 4096 - 64 };
_Static_assert(HOOK_COUNT * sizeof(struct hook) <= HOOK_ROOM, "entry.S");

extern struct hook dj_hooks[HOOK_COUNT];
extern uint32_t dj_active; /* the runtime is up in this process */

#endif
