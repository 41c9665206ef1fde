/*
 * JSON for the commands' --json: objects and arrays with their commas, one field a line
 * at the outermost levels.
 */
#ifndef DEJA_TOOLS_JSON_H
#define DEJA_TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "tracefmt/deja.h"

struct json {
	FILE *out;
	unsigned depth;
	bool filled; /* the open object or array has a member */
};

/* `key` NULL: an element of an array, or the outermost value. A NULL text is null. */
void json_open(struct json *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);		       /* '}' or ']' */
void json_text(struct json *j, const char *key, const char *text);
void json_int(struct json *j, const char *key, int64_t value);
void json_uint(struct json *j, const char *key, uint64_t value);
/* The shortest form that reads back the same; null when it is no number. */
void json_real(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
void json_texts(struct json *j, const char *key, size_t count,
		const char *const *texts);
/* "status": {"exit": 3} or {"signal": 11, "name": "SIGSEGV"}, or null. */
void json_status(struct json *j, bool known, int status);
/* "path", "events", "processes", "complete" and "cause": what a recording that was made is. */
void json_recording(struct json *j, const char *path, const struct deja_header *h);
/* "externals": the children that could not be recorded. */
void json_externals(struct json *j, const struct deja_header *h);

#endif
