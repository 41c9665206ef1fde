/*
 * The printer's own parts, shared by print*.c and layouts.c. Tools only.
 */
#ifndef DEJA_TRACEFMT_PARTS_H
#define DEJA_TRACEFMT_PARTS_H

#include <stdio.h>
#include "bytes.h"
#include "print.h"
#include "text.h"
#include "wire.h"
#include "xlat.h"

/* How much of a payload is shown; 0: all of it. */
enum { TF_EXCERPT_LEN = 32 };

/* names.c: values by name. */
/* The name of a whole value, or NULL. */
const char *tf_name(unsigned xlat, int64_t value);
/* A value or set of bits: names joined by |, unknown bits in hexadecimal. */
void tf_put_names(struct tf_text *out, unsigned xlat, uint64_t value);
void tf_put_signal(struct tf_text *out, int signo);
/* "ENOENT", or NULL; the number is positive. */
const char *tf_errno_name(int number);

/* print_text.c: bytes as C string literals, octal escapes as strace writes them. */
void tf_put_text(struct tf_text *out, const uint8_t *bytes, size_t len, size_t excerpt_len);
/* A JSON string literal of the bytes (print.h). */
void tf_put_json(struct tf_text *out, const void *bytes, size_t len);
/* Valid UTF-8 without control characters other than newline, tab and return. */
bool tf_is_text(const uint8_t *bytes, size_t len);

/* layouts.c: memory by layout. False: this layout is not known, or the bytes are too
 * few for anything of it; nothing was printed. */
bool tf_put_layout(struct tf_text *out, unsigned xlat, const uint8_t *bytes, size_t len);

/* print_net.c: addresses and messages. */
bool tf_put_sockaddr(struct tf_text *out, const uint8_t *bytes, size_t len);
/* One TF_MSG array, and a TF_MMSG array of them, as msgpack. */
void tf_put_msg(struct tf_text *out, struct deja_bytes raw, size_t excerpt_len);
void tf_put_mmsg(struct tf_text *out, struct deja_bytes raw, size_t excerpt_len);

/* print_event.c: events that are not calls, without time and newline. */
void tf_put_event(struct tf_text *out, const struct deja_event *ev);
/* A struct siginfo of these bytes, as many as it has. */
void tf_put_siginfo(struct tf_text *out, const uint8_t *bytes, size_t len);
/* What such an event is called in JSON: "image", "signal" ... */
const char *tf_event_kind(unsigned id);

/* print.c */
/* The item of argument `arg`, or NULL when the event has none. */
const struct deja_item *tf_item(const struct deja_event *ev, unsigned arg, bool inbound);
/* As tf_print_call and tf_print_event, without a file. */
void tf_put_call(struct tf_text *out, const struct deja_event *ev,
		 const struct tf_print_opts *opts);
/* One argument, decoded. `arg` is resolved (tf_arg_resolve). */
void tf_put_arg(struct tf_text *out, const struct deja_event *ev, const struct tf_call *call,
		unsigned index, const struct tf_arg *arg, size_t excerpt_len);

/* A decoder over these bytes, which may be none at all. */
static inline struct tf_in tf_in_bytes(struct deja_bytes b)
{
	return (struct tf_in){ b.data, b.len ? b.data + b.len : b.data, 0 };
}

#endif
