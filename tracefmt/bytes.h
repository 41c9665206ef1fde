/*
 * Little-endian integers in bytes, at any address: what the kernel's structures and files hold.
 * No allocation; any context.
 */
#ifndef DEJA_TRACEFMT_BYTES_H
#define DEJA_TRACEFMT_BYTES_H

#include <stdint.h>

/* The integer in len bytes, 1 ... 8. */
static inline uint64_t tf_le(const uint8_t *p, unsigned len)
{
	uint64_t v = 0;

	while (len--)
		v = v << 8 | p[len];
	return v;
}

#endif
