/*
 * Checksums over secrets: see digests.c. Part of deja-share.
 */
#ifndef DEJA_SHARE_DIGESTS_H
#define DEJA_SHARE_DIGESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "tools/json.h"
#include "tools/share/walk.h"

/* Digest number `which`, from 0 on; out has room for 64 bytes. Its length; 0: there is none. */
unsigned digest_of(unsigned which, const uint8_t *bytes, size_t len, uint8_t *out, const char **name);

/* Headers that carry a checksum, by stream and direction. */
struct checksums;
struct checksums *checksums_new(void);
void checksums_look(struct checksums *c, const struct text *t, size_t from, size_t to);
/* A secret was replaced there. */
void checksums_replaced(struct checksums *c, uint32_t io_id, bool inbound);
void checksums_print(const struct checksums *c, FILE *out);
void checksums_print_json(const struct checksums *c, struct json *j);

#endif
