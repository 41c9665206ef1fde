/*
 * The content of files that are stored: copied and hashed. Holes are neither read nor written, for what maps
 * much and uses little is larger than the disk may be.
 */
#ifndef DEJA_TOOLS_CONTENT_H
#define DEJA_TOOLS_CONTENT_H

#include <stdint.h>
#include "store.h"

enum { CONTENT_BUF_LEN = 1 << 18 }; /* bytes at a time: what each `buf` has room for */

/* Shares the blocks where the file system can. All of the file, even if it grows meanwhile; its offset is left
 * alone. 0, or -1 with errno. */
int content_copy(uint8_t *buf, int from, int to);
/* The hash that it is stored under, and its size. 0, or -1 with errno. */
int content_hash(uint8_t *buf, int fd, char hash[STORE_HASH_LEN + 1], uint64_t *size);

#endif
