/*
 * What counts as a text among stored files: it is looked into for secrets (tools/share/), and kept from
 * the disk until then when recording with --redact (store.c). Programs are what they are.
 */
#ifndef DEJA_TOOLS_TEXT_FILE_H
#define DEJA_TOOLS_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TEXT_FILE_LOOK_LEN = 65536 };

/* By the file's first bytes, at most TEXT_FILE_LOOK_LEN of them. */
static inline bool is_text_file(const uint8_t *bytes, size_t len)
{
	size_t n = len < TEXT_FILE_LOOK_LEN ? len : TEXT_FILE_LOOK_LEN, odd = 0;

	for (size_t i = 0; i < n; i++) {
		if (!bytes[i])
			return false;
		odd += bytes[i] < ' ' && !strchr("\t\r\n\f\b\033", bytes[i]);
	}
	return odd <= n / 50;
}

#endif
