/*
 * Events as people and scripts read them: strace-like lines and JSON objects, from the
 * call table's rows. Tools only (stdio, malloc).
 */
#ifndef DEJA_TRACEFMT_PRINT_H
#define DEJA_TRACEFMT_PRINT_H

#include <stdio.h>
#include "calls.h"
#include "deja.h"
#include "deja_look.h"

struct tf_print_opts {
	size_t excerpt_len; /* payload bytes shown per item; 0 = the default, 32 */
	bool show_stream;   /* stream number beside the pid */
};

/* One line with newline: time of completion, pid, call(decoded arguments) = result, payload excerpt.
 * Events that are not calls have lines of their own. */
void tf_print_event(FILE *out, const struct deja_event *ev,
		    const struct tf_print_opts *opts);
/* Only `name(args) = result`, no time, no newline: for reports. */
void tf_print_call(FILE *out, const struct deja_event *ev,
		   const struct tf_print_opts *opts);
/* One line with newline: a call as tf_print_call does, another event as tf_print_event does. */
void tf_print_short(FILE *out, const struct deja_event *ev);
/* One JSON object with newline: stream, event (number), time (s, of completion), pid,
 * tid; calls: call, args (decoded, by name), result, errno (name, failed calls only),
 * dur (s), items; else: kind and args. Payloads in items: "text" when valid UTF-8
 * without control characters other than newline, tab and return, else "base64". sight: what the
 * tracker knows of it, for the member `io`: the I/O streams that it is about and the bytes that moved;
 * NULL: without. */
void tf_json_event(FILE *out, const struct deja_event *ev, const struct deja_sight *sight);
/* The same with at most so many bytes of each payload; `len` tells its whole length. */
void tf_json_event_part(FILE *out, const struct deja_event *ev, const struct deja_sight *sight,
			size_t payload_max);
/* Bytes as a C string literal of one line, cut with ... after excerpt_len bytes; 0: all. */
void tf_print_text(FILE *out, const void *bytes, size_t len, size_t excerpt_len);
/* Argument `index`, whose description is `arg` (tf_arg_resolve), as tf_print_call shows it. */
void tf_print_arg(FILE *out, const struct deja_event *ev, const struct tf_call *call,
		  unsigned index, const struct tf_arg *arg);
/* A JSON string literal, quoted; bytes that are not UTF-8 become \u00XX. */
void tf_json_string(FILE *out, const void *bytes, size_t len);

#endif
