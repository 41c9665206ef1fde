/*
 * The program finds the runtime's memory in /proc/self/maps, and one that clears away
 * whatever it does not know would take it along, and hang or crash in the middle of us. Such
 * calls are answered as if nothing were mapped there, in both modes alike. Called by the
 * dispatchers of both sides, with the token.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <errno.h>
#include "own_memory.h"
#include "patch.h"
#include "preempt.h"

enum { NR_MSEAL = 462 };

/* The runtime's range that begins at or behind `at`, or holds it. False: none. */
static bool next_own(uint64_t at, uint64_t *from, uint64_t *to)
{
	const struct preempt_state *s = PREEMPT;
	uint64_t lo = UINT64_MAX, hi = 0;

	struct {
		uint64_t from, to;
	} own[2 + STUB_POOL_MAX] = {{DJ_PRIVATE, DJ_END}, {s->object_from, s->object_to}};

	for (unsigned i = 1; i < STUB_POOL_MAX; i++)
		patch_pool_range(i, &own[1 + i].from, &own[1 + i].to);
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i].to > at && own[i].from < lo)
			lo = own[i].from, hi = own[i].to;
	*from = lo;
	*to = hi;
	return hi != 0;
}

static bool touches_own(uint64_t at, uint64_t len)
{
	uint64_t from, to, end = at + len;

	return len && end > at && next_own(at, &from, &to) && from < end;
}

bool own_memory_holds(uint64_t from, uint64_t to)
{
	return touches_own(from, to - from);
}

/* What lies beside ours is unmapped. */
static long unmap_around(uint64_t at, uint64_t len)
{
	uint64_t end = (at + len + 4095) & ~4095ull, from, to;

	while (at < end) {
		bool own = next_own(at, &from, &to) && from < end;

		if (!own)
			from = to = end;
		if (from > at) {
			long r = dj_raw(SYS_munmap, at, from - at);

			if (r)
				return r;
		}
		at = to;
	}
	return 0;
}

bool own_memory_concerned(long nr)
{
	switch (nr) {
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mremap:
	case SYS_mprotect:
	case SYS_pkey_mprotect:
	case SYS_madvise:
	case SYS_remap_file_pages:
	case SYS_mbind:
	case NR_MSEAL:
		return true;
	}
	return false;
}

bool own_memory_touched(long nr, const unsigned long args[6])
{
	switch (nr) {
	case SYS_mmap:
		return (args[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && touches_own(args[0], args[1]);
	case SYS_munmap:
		return !(args[0] & 4095) && touches_own(args[0], args[1]);
	case SYS_mremap:
		return touches_own(args[0], args[1]) ||
		       ((args[3] & MREMAP_FIXED) && touches_own(args[4], args[2]));
	}
	return own_memory_concerned(nr) && touches_own(args[0], args[1]);
}

bool own_memory_call(long nr, const unsigned long args[6], long *result)
{
	if (!own_memory_touched(nr, args))
		return false;
	switch (nr) {
	case SYS_mmap:
		*result = args[3] & MAP_FIXED_NOREPLACE ? -EEXIST : -ENOMEM;
		return true;
	case SYS_munmap:
		*result = unmap_around(args[0], args[1]);
		return true;
	case SYS_mremap:
		*result = touches_own(args[0], args[1]) ? -EFAULT : -ENOMEM;
		return true;
	}
	*result = -ENOMEM;
	return true;
}
