/*
 * The digest of outbound payloads: XXH64 from the well-kept xxHash, as its header-only
 * form, so that nothing but libc is linked.
 */
#include "runtime.h"

/* the inlined header declares more than it defines */
#pragma GCC diagnostic ignored "-Wunused-function"
#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#include <xxhash.h>

uint64_t dj_xxh64(const void *data, size_t len)
{
	return XXH64(data, len, 0);
}
