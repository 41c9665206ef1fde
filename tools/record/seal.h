/*
 * Bytes on disk that only this process can read: `deja record --redact` keeps what it records
 * sealed by a key that is never stored, until the tokens stand in the place of the secrets.
 * ChaCha20; a file's nonce is its process stream's number, or random (SEAL_FILE set).
 */
#ifndef DEJA_TOOLS_SEAL_H
#define DEJA_TOOLS_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tracefmt/seal.h"

#define SEAL_SUFFIX ".sealed" /* of files that end with their nonce */

struct seal {
	struct tf_seal tf;
	uint8_t key[32];
};

/* A new key. False after printing why there is none. */
bool seal_begin(struct seal *s);
/* The key of a descriptor that seal_pass gave. False after printing why not. */
bool seal_take(struct seal *s, int fd);
/* A descriptor for a program to be executed, in memory. -1 after printing why not. */
int seal_pass(const struct seal *s);
void seal_forget(struct seal *s);

/* Copies a file to dir/HASH.sealed, HASH that of its content (32 hexadecimal digits), *size its
 * bytes. -1: errno tells. */
int seal_copy(const struct seal *s, int from, int dir, char hash[33], uint64_t *size);
/* The content of such a file, malloc'd. NULL: errno tells. */
uint8_t *seal_read(const struct seal *s, const char *path, size_t *len);

#endif
