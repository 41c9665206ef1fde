/*
 * Memory that is to be used over and over for days becomes resident all at once, not by a page now
 * and then, which looks like a leak.
 */
#ifndef DEJA_TRACEFMT_SETTLE_H
#define DEJA_TRACEFMT_SETTLE_H

#include <stddef.h>

enum { TF_SETTLE_PAGE = 4096 };

/* Makes this memory exist and leaves it as it is. */
static inline void tf_settle(void *bytes, size_t len)
{
	volatile char *p = bytes;

	for (size_t at = 0; at < len; at += TF_SETTLE_PAGE) {
		char as_it_is = p[at];

		p[at] = as_it_is;
	}
}

#endif
