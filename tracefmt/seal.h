/*
 * Streams that only the holder of a key can read: what `deja record --redact` leaves on the disk
 * while it records (tools/record/seal.h). The library itself knows no cipher.
 */
#ifndef DEJA_TRACEFMT_SEAL_H
#define DEJA_TRACEFMT_SEAL_H

#include <stddef.h>
#include <stdint.h>

struct tf_seal {
	/* Seals or unseals in place, which is one and the same: bytes that stand at `at` of the
	 * file. nonce: another for every file of a key. */
	void (*apply)(void *arg, uint64_t nonce, uint64_t at, void *bytes, size_t len);
	void *arg;
};

#endif
