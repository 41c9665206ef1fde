/*
 * `deja scan`: what looks like a secret, and what could not be looked into.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include "tools/share/share.h"
#include "tools/cmd.h"
#include "tools/json.h"

enum { SHOWN_BEFORE = 24, OPAQUE_MAX = 1000, GROUP_MAX = 1 << 16, TEXT_MAX = 1 << 20 };

/* One value, wherever it was found: for people, who read it once. */
struct group {
	uint64_t hash;
	uint64_t count;
	char *line; /* about the first place */
};

struct opaque {
	char label[512], peer[128];
	const char *what;
	uint64_t len;
	uint32_t io_id;
	bool inbound, stored;
};

struct scanning {
	const struct scan_options *options;
	struct rules *rules;
	struct tokens *tokens;
	struct json json;
	uint64_t found, token_count, opaque_count, opaque_len;
	struct piece first; /* of what was found in events, by time; number 0: nothing was */
	struct opaque *opaque;
	size_t opaque_kept;
	struct group *group; /* GROUP_MAX, by hash; those that do not fit are not counted apart */
	size_t group_count;
};

/* The place's surroundings with the secret masked: what stands before it in its line, its first
 * characters when it is long, and its length. */
static void mask(const struct text *t, size_t start, size_t len, char *buf, size_t buf_len)
{
	size_t from = start, at = 0, shown = len >= 20 ? 4 : len >= 12 ? 2 : 0;

	while (from > 0 && start - from < SHOWN_BEFORE && t->bytes[from - 1] >= ' ' &&
	       t->bytes[from - 1] < 127)
		from--;
	for (size_t i = from; i < start + shown && at + 40 < buf_len; i++)
		buf[at++] = isprint(t->bytes[i]) ? (char)t->bytes[i] : '.';
	snprintf(buf + at, buf_len - at, "***(%zu bytes)", len);
}

/* The line about a value's first place; later ones are counted. */
static void count_place(struct scanning *s, const struct text *t, const struct match *m,
			const struct piece *p, const char *shown)
{
	uint64_t hash = XXH3_64bits(t->bytes + m->start, m->len);
	struct group *g;
	char place[64], io[32] = "";

	if (!s->group)
		s->group = calloc(GROUP_MAX, sizeof(*s->group));
	if (!s->group)
		return;
	for (size_t i = hash % GROUP_MAX;; i = (i + 1) % GROUP_MAX) {
		g = &s->group[i];
		if (!g->count || g->hash == hash)
			break;
		if (s->group_count == GROUP_MAX - 1)
			return;
	}
	g->hash = hash;
	if (g->count++)
		return;
	s->group_count++;
	if (p && p->number)
		snprintf(place, sizeof(place), "p%u#%" PRIu64, p->stream, p->number);
	else
		snprintf(place, sizeof(place), "%s", t->kind == TEXT_STORED ? "stored file" : "about it");
	if (t->kind == TEXT_PAYLOAD)
		snprintf(io, sizeof(io), "io %u %s, ", t->io_id, t->inbound ? "in" : "out");
	if (asprintf(&g->line, "%-18s %-12s %s%s: %s", m->rule, place, io, t->label, shown) < 0)
		g->line = NULL;
}

static int most_telling_first(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (!x->line || !y->line)
		return !x->line - !y->line;
	return strcmp(x->line, y->line);
}

/* A line for each value. */
static void print_groups(struct scanning *s)
{
	if (!s->group)
		return;
	qsort(s->group, GROUP_MAX, sizeof(*s->group), most_telling_first);
	for (size_t i = 0; i < GROUP_MAX && s->group[i].line; i++) {
		cmd_print_text(stdout, s->group[i].line);
		if (s->group[i].count > 1)
			printf(" (in %" PRIu64 " places)", s->group[i].count);
		printf("\n");
		free(s->group[i].line);
	}
}

static void print_finding(struct scanning *s, const struct text *t, const struct match *m,
			  const struct piece *p)
{
	char shown[128];
	const char *kind = t->kind == TEXT_PAYLOAD ? "payload"
			   : t->kind == TEXT_EVENT ? "event"
			   : t->kind == TEXT_STORED ? "stored-file"
						    : "member";

	mask(t, m->start, m->len, shown, sizeof(shown));
	if (s->options->json) {
		struct json *j = &s->json;

		json_open(j, NULL, '{');
		json_text(j, "rule", m->rule);
		json_text(j, "where", kind);
		json_text(j, "label", t->label);
		if (p && p->number) {
			json_uint(j, "stream", p->stream);
			json_uint(j, "event", p->number);
			json_int(j, "pid", p->pid);
			json_int(j, "time_ns", p->time_ns);
		}
		if (t->kind == TEXT_PAYLOAD) {
			json_uint(j, "io", t->io_id);
			json_text(j, "direction", t->inbound ? "in" : "out");
			json_text(j, "peer", t->peer[0] ? t->peer : NULL);
		}
		json_uint(j, "offset", t->kind == TEXT_PAYLOAD || !p ? t->base + m->start : p->raw_at);
		json_uint(j, "len", m->len);
		json_text(j, "excerpt", shown);
		json_close(j, '}');
		return;
	}
	count_place(s, t, m, p, shown);
}

static bool look(struct walk *w, struct text *t, size_t from, size_t to)
{
	struct scanning *s = w->arg;
	size_t count;
	const struct match *m = rules_run(s->rules, t->bytes, t->len, from, to, t->base == 0, &count);

	for (size_t i = 0; i < count; i++) {
		const struct piece *p = text_piece(t, t->base + m[i].start);

		if (tokens_cover(s->tokens, t->bytes, t->len, m[i].start, m[i].len)) {
			s->token_count++;
			continue;
		}
		s->found++;
		if (p && p->number && (!s->first.number || p->time_ns < s->first.time_ns))
			s->first = *p;
		if (!s->options->quiet)
			print_finding(s, t, &m[i], p);
	}
	return !ferror(stdout);
}

static void end(struct walk *w, struct text *t)
{
	struct scanning *s = w->arg;
	struct opaque *o;

	if (!t->opaque)
		return;
	s->opaque_count++;
	s->opaque_len += t->opaque_len;
	if (s->opaque_kept == OPAQUE_MAX)
		return;
	if (!s->opaque)
		s->opaque = calloc(OPAQUE_MAX, sizeof(*s->opaque));
	if (!s->opaque)
		return;
	o = &s->opaque[s->opaque_kept++];
	memcpy(o->label, t->label, sizeof(o->label));
	memcpy(o->peer, t->peer, sizeof(o->peer));
	o->what = t->opaque;
	o->len = t->opaque_len;
	o->io_id = t->io_id;
	o->inbound = t->inbound;
	o->stored = t->kind == TEXT_STORED;
}

static void print_opaque_json(struct scanning *s)
{
	struct json *j = &s->json;

	json_open(j, "opaque", '[');
	for (size_t i = 0; i < s->opaque_kept; i++) {
		const struct opaque *o = &s->opaque[i];

		json_open(j, NULL, '{');
		json_text(j, "what", o->what);
		json_text(j, "label", o->label);
		if (!o->stored) {
			json_uint(j, "io", o->io_id);
			json_text(j, "direction", o->inbound ? "in" : "out");
			json_text(j, "peer", o->peer[0] ? o->peer : NULL);
		}
		json_uint(j, "len", o->len);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void print_opaque(const struct scanning *s)
{
	char size[32];

	if (!s->opaque_count)
		return;
	printf("\nNot looked into (%s in %" PRIu64 " places):\n",
	       cmd_size_text(s->opaque_len, size, sizeof(size)), s->opaque_count);
	for (size_t i = 0; i < s->opaque_kept; i++) {
		const struct opaque *o = &s->opaque[i];

		printf("  %s, %s: ", o->what, cmd_size_text(o->len, size, sizeof(size)));
		if (o->stored)
			printf("stored file ");
		else
			printf("io %u %s, ", o->io_id, o->inbound ? "in" : "out");
		cmd_print_text(stdout, o->label);
		printf("\n");
	}
	if (s->opaque_count > s->opaque_kept)
		printf("  ... and %" PRIu64 " more\n", s->opaque_count - s->opaque_kept);
}

int share_scan(const char *recording, const struct scan_options *options)
{
	struct scanning s = {.options = options};
	struct walk w = {.path = recording, .look = look, .end = end, .arg = &s};
	struct deja_error err;
	int status = CMD_UNREADABLE;
	bool ok;

	s.rules = rules_new(&options->rules);
	if (!s.rules)
		return CMD_FAILED;
	s.tokens = tokens_open(recording);
	w.rec = deja_open(recording, &err);
	if (!w.rec) {
		cmd_error("%s", err.message);
		goto out;
	}
	cmd_stdout_begin();
	s.json.out = stdout;
	if (options->json) {
		json_open(&s.json, NULL, '{');
		json_open(&s.json, "findings", '[');
	}
	ok = walk_recording(&w);
	if (options->json) {
		json_close(&s.json, ']');
		print_opaque_json(&s);
		json_uint(&s.json, "found", s.found);
		json_uint(&s.json, "tokens", s.token_count);
		json_uint(&s.json, "opaque_count", s.opaque_count);
		json_uint(&s.json, "opaque_len", s.opaque_len);
		json_uint(&s.json, "events", w.event_count);
		json_uint(&s.json, "text_len", w.text_len);
		json_bool(&s.json, "digests_only", !strcmp(deja_header(w.rec)->outbound, "digest"));
		json_bool(&s.json, "truncated", w.truncated);
		json_close(&s.json, '}');
	} else if (!options->quiet) {
		char size[32];

		print_groups(&s);
		print_opaque(&s);
		printf("%s%" PRIu64 " place%s found in %s of %" PRIu64 " events", s.found || s.opaque_count ? "\n" : "",
		       s.found, s.found == 1 ? "" : "s", cmd_size_text(w.text_len, size, sizeof(size)), w.event_count);
		if (s.token_count)
			printf("; %" PRIu64 " tokens stand for redacted ones", s.token_count);
		printf("\n");
		if (!strcmp(deja_header(w.rec)->outbound, "digest"))
			printf("What the program sent was recorded as digests: it cannot be looked into, nor read.\n");
	}
	status = cmd_stdout_end(ok ? (s.found ? 1 : 0) : CMD_UNREADABLE);
	if (options->first_fd && dprintf(options->first_fd, "%u %" PRIu64 "\n", s.first.stream, s.first.number) < 0)
		status = CMD_FAILED;
	deja_close(w.rec);
out:
	free(s.opaque);
	free(s.group);
	tokens_free(s.tokens);
	rules_free(s.rules);
	return status;
}

int share_check_rules(const struct rules_choice *choice)
{
	struct rules *r = rules_new(choice);

	rules_free(r);
	return r ? 0 : CMD_FAILED;
}

int share_scan_text(int fd, const struct rules_choice *choice)
{
	struct rules *r = rules_new(choice);
	uint8_t *text = malloc(TEXT_MAX);
	ssize_t n = text ? pread(fd, text, TEXT_MAX, 0) : -1;
	size_t count = 0;

	if (r && n > 0)
		rules_run(r, text, (size_t)n, 0, (size_t)n, true, &count);
	if (n < 0)
		cmd_error("a text cannot be read: %s", strerror(errno));
	rules_free(r);
	free(text);
	return !r || n < 0 ? CMD_FAILED : count ? 1 : 0;
}
