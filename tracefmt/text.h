/*
 * Text being made in memory: what the printers write to. stdio costs more per field than a field
 * does. Tools only (malloc). When there is no memory what does not fit is left out, and `failed`
 * says so.
 */
#ifndef DEJA_TRACEFMT_TEXT_H
#define DEJA_TRACEFMT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct tf_text {
	char *begin, *at, *end; /* zeroed: empty */
	bool failed;
};

/* Makes room for len more bytes; false without memory. */
bool tf_text_grow(struct tf_text *t, size_t len);
void tf_text_free(struct tf_text *t);
/* Writes what is there to a file, and empties it. */
void tf_text_flush(struct tf_text *t, FILE *out);
/* As fprintf; of the conversions what the printers use: d i u x o c s with # 0 + width, l ll z,
 * .* for s. */
void tf_put(struct tf_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tf_put_dec(struct tf_text *t, int64_t v);
void tf_put_udec(struct tf_text *t, uint64_t v);
/* As %#x does: 0 is a plain 0. */
void tf_put_0x(struct tf_text *t, uint64_t v);

static inline bool tf_text_room(struct tf_text *t, size_t len)
{
	return (size_t)(t->end - t->at) >= len || tf_text_grow(t, len);
}

static inline void tf_put_bytes(struct tf_text *t, const void *bytes, size_t len)
{
	if (len && tf_text_room(t, len)) {
		memcpy(t->at, bytes, len);
		t->at += len;
	}
}

static inline void tf_put_str_(struct tf_text *t, const char *s)
{
	tf_put_bytes(t, s, strlen(s));
}
/* A string; inlined so that the length of a literal is known. */
#define tf_puts(t, s) tf_put_str_(t, s)

static inline void tf_putc(struct tf_text *t, int c)
{
	if (tf_text_room(t, 1))
		*t->at++ = (char)c;
}

static inline size_t tf_text_len(const struct tf_text *t)
{
	return (size_t)(t->at - t->begin);
}

#endif
