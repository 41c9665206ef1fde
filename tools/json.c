/*
 * See json.h. Used by the commands that print only.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "tools/json.h"
#include "tracefmt/print.h"

enum { INDENTED_DEPTH = 2 }; /* deeper objects stay on one line */

static void break_line(struct json *j)
{
	fputc('\n', j->out);
	for (unsigned i = 0; i < j->depth; i++)
		fputs("  ", j->out);
}

static void begin_member(struct json *j, const char *key)
{
	if (j->filled)
		fputc(',', j->out);
	if (j->depth && j->depth <= INDENTED_DEPTH)
		break_line(j);
	else if (j->filled)
		fputc(' ', j->out);
	j->filled = true;
	if (key) {
		tf_json_string(j->out, key, strlen(key));
		fputs(": ", j->out);
	}
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin_member(j, key);
	fputc(bracket, j->out);
	j->depth++;
	j->filled = false;
}

void json_close(struct json *j, char bracket)
{
	j->depth--;
	if (j->filled && j->depth < INDENTED_DEPTH)
		break_line(j);
	fputc(bracket, j->out);
	j->filled = true;
	if (!j->depth)
		fputc('\n', j->out);
}

void json_text(struct json *j, const char *key, const char *text)
{
	if (!text) {
		json_null(j, key);
		return;
	}
	begin_member(j, key);
	tf_json_string(j->out, text, strlen(text));
}

void json_int(struct json *j, const char *key, int64_t value)
{
	begin_member(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void json_uint(struct json *j, const char *key, uint64_t value)
{
	begin_member(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_real(struct json *j, const char *key, double value)
{
	char text[40];
	int digits = 6;

	if (value - value != 0) {
		json_null(j, key);
		return;
	}
	do
		snprintf(text, sizeof(text), "%.*g", digits, value);
	while (digits++ < 17 && strtod(text, NULL) != value);
	begin_member(j, key);
	fputs(text, j->out);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin_member(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	begin_member(j, key);
	fputs("null", j->out);
}

void json_texts(struct json *j, const char *key, size_t count, const char *const *texts)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < count; i++)
		json_text(j, NULL, texts[i]);
	json_close(j, ']');
}

void json_status(struct json *j, bool known, int status)
{
	char name[32] = "SIG";
	const char *abbrev;

	if (!known || (!WIFEXITED(status) && !WIFSIGNALED(status))) {
		json_null(j, "status");
		return;
	}
	json_open(j, "status", '{');
	if (WIFEXITED(status)) {
		json_int(j, "exit", WEXITSTATUS(status));
	} else {
		json_int(j, "signal", WTERMSIG(status));
		abbrev = sigabbrev_np(WTERMSIG(status));
		if (abbrev)
			json_text(j, "name", strncat(name, abbrev, sizeof(name) - 4));
	}
	json_close(j, '}');
}

void json_recording(struct json *j, const char *path, const struct deja_header *h)
{
	json_text(j, "path", path);
	json_uint(j, "events", h->event_count);
	json_uint(j, "processes", h->process_count);
	json_bool(j, "complete", h->complete);
	json_text(j, "cause", h->complete ? NULL : h->cause);
}

void json_externals(struct json *j, const struct deja_header *h)
{
	json_open(j, "externals", '[');
	for (size_t i = 0; i < h->external_count; i++) {
		json_open(j, NULL, '{');
		json_int(j, "pid", h->externals[i].pid);
		json_text(j, "path", h->externals[i].path);
		json_text(j, "reason", h->externals[i].reason);
		json_close(j, '}');
	}
	json_close(j, ']');
}
