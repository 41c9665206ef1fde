/*
 * A file of a recording's directory, whole: as it lies there, or unsealed when deja-share was
 * given the key of what a recorder has sealed (tools/record/seal.h).
 */
#ifndef DEJA_SHARE_MEMBER_H
#define DEJA_SHARE_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tracefmt/seal.h"

struct member {
	uint8_t *bytes; /* may be written to: it stays in memory */
	size_t len;
	bool mapped;
};

/* The key that sealed ones are read with. False after printing why there is none. */
bool member_unseal(int key_fd);
/* Of the recording's streams; NULL: they are not sealed. */
const struct tf_seal *member_seal(void);

/* As it is, or sealed. */
bool member_exists(const char *path);
/* False after printing why not. */
bool member_read(const char *path, struct member *m);
void member_free(struct member *m);

#endif
