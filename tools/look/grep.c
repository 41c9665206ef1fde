/*
 * `deja grep`: where text or bytes entered and left a recorded program. Each direction of each
 * I/O stream is searched as one text, whatever calls it came in; what is held of it is the end
 * that a match may still begin in, at most HELD_MAX bytes.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <inttypes.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include "tools/look/look.h"
#include "tools/moment.h"
#include "tracefmt/print.h"

enum { HELD_MAX = 1 << 20, EXCERPT = 80, BEFORE = 16 };

/* One direction of one open stream. */
struct text {
	uint32_t io_id;
	bool inbound;
	deja_assembly *bytes;
	uint64_t from; /* offset where the search goes on */
	struct text *next;
};

struct grep {
	deja_recording *rec;
	const struct deja_sight *sight;
	pcre2_code *code;
	pcre2_match_data *match;
	uint32_t lookbehind;
	struct text *slot[1024]; /* by id and direction */
	uint64_t count;
	bool in, out, json, counts, failed;
};

static struct text **slot_of(struct grep *g, uint32_t id, bool inbound)
{
	struct text **at = &g->slot[(2 * id + inbound) % 1024];

	while (*at && ((*at)->io_id != id || (*at)->inbound != inbound))
		at = &(*at)->next;
	return at;
}

static void print_match(struct grep *g, const struct text *t, const struct deja_io *io,
			uint64_t offset, const uint8_t *bytes, size_t len, size_t before,
			size_t after)
{
	struct deja_origin from = {0}, to = {0};
	char event[MOMENT_LEN], text[4400];

	g->count++;
	if (g->counts || !deja_assembly_origin(t->bytes, offset, &from))
		return;
	if (!deja_assembly_origin(t->bytes, len ? offset + len - 1 : offset, &to))
		to = from;
	if (g->json) {
		printf("{\"io\":%" PRIu32 ",\"dir\":\"%s\",\"offset\":%" PRIu64 ",\"len\":%zu,"
		       "\"stream\":%" PRIu32 ",\"event\":%" PRIu64 ",\"last_event\":%" PRIu64
		       ",\"pid\":%d,\"time\":%" PRId64 ".%09" PRId64 ",\"what\":",
		       io->id, t->inbound ? "in" : "out", offset, len, from.stream, from.number,
		       to.number, (int)from.pid, from.time_ns / 1000000000,
		       from.time_ns % 1000000000);
		deja_io_text(io, text, sizeof(text));
		tf_json_string(stdout, text, strlen(text));
		fputs(",\"match\":", stdout);
		tf_json_string(stdout, bytes, len < 4096 ? len : 4096);
		puts("}");
		return;
	}
	printf("%4" PRId64 ".%06" PRId64 " %-14s stream %" PRIu32 " %s +%" PRIu64 " ",
	       from.time_ns / 1000000000, from.time_ns / 1000 % 1000000,
	       moment_event(g->rec, from.stream, from.pid, from.number, event), io->id,
	       t->inbound ? "in" : "out", offset);
	cmd_print_text(stdout, deja_io_text(io, text, sizeof(text)));
	fputs(": ", stdout);
	moment_excerpt(stdout, bytes - before, before + len + after, EXCERPT);
	putchar('\n');
}

/* Searches what is held. `last`: nothing will follow, so that what is only begun is no match. */
static void search(struct grep *g, struct text *t, const struct deja_io *io, bool last)
{
	uint64_t offset;
	struct deja_bytes held = deja_assembly_bytes(t->bytes, &offset);
	size_t at = t->from > offset ? (size_t)(t->from - offset) : 0, keep;
	bool full = held.len >= HELD_MAX;

	while (at <= held.len && held.len) {
		uint32_t how = last || full ? 0 : PCRE2_PARTIAL_HARD;
		size_t *range = pcre2_get_ovector_pointer(g->match);
		int rc = pcre2_match(g->code, held.data, held.len, at, how, g->match, NULL);

		if (rc == PCRE2_ERROR_PARTIAL) {
			keep = range[0];
			t->from = offset + keep;
			goto held;
		}
		if (rc < 0) {
			if (rc != PCRE2_ERROR_NOMATCH && !g->failed) {
				char text[256];

				pcre2_get_error_message(rc, (PCRE2_UCHAR *)text, sizeof(text));
				cmd_error("grep: %s", text);
				g->failed = true;
			}
			break;
		}
		if (range[1] == range[0]) { /* nothing is not looked for */
			at = range[1] + 1;
			continue;
		}
		print_match(g, t, io, offset + range[0], held.data + range[0],
			    range[1] - range[0], range[0] < BEFORE ? range[0] : BEFORE,
			    held.len - range[1] < EXCERPT ? held.len - range[1] : EXCERPT);
		at = range[1];
	}
	keep = held.len;
	t->from = offset + held.len;
held:
	/* What a lookbehind may want, and a few bytes for the excerpt. */
	keep -= keep < g->lookbehind + BEFORE ? keep : g->lookbehind + BEFORE;
	deja_assembly_drop(t->bytes, offset + keep);
}

static void forget(struct text **at)
{
	struct text *t = *at;

	*at = t->next;
	deja_assembly_free(t->bytes);
	free(t);
}

/* A stream is closed: what was begun ends here. */
static void end_stream(void *arg, const struct deja_io *io)
{
	struct grep *g = arg;

	for (int inbound = 0; inbound < 2; inbound++) {
		struct text **at = slot_of(g, io->id, inbound);

		if (!*at)
			continue;
		search(g, *at, io, true);
		forget(at);
	}
}

static bool add_leg(struct grep *g, const struct deja_event *ev, const struct deja_leg *leg)
{
	struct text **at = slot_of(g, leg->io->id, leg->inbound), *t = *at;
	struct deja_error err;

	if (!t) {
		t = *at = calloc(1, sizeof(*t));
		if (!t || !(t->bytes = deja_assembly_new()))
			return false;
		t->io_id = leg->io->id;
		t->inbound = leg->inbound;
	}
	if (!leg->stored) /* a gap: what was begun ends before it */
		search(g, t, leg->io, true);
	if (deja_assembly_add(t->bytes, ev, leg, &err) < 0)
		return false;
	if (leg->stored)
		search(g, t, leg->io, false);
	return true;
}

static bool compile(struct grep *g, const char *pattern, bool fixed, bool ignore_case)
{
	uint32_t options = (fixed ? PCRE2_LITERAL : 0) | (ignore_case ? PCRE2_CASELESS : 0);
	PCRE2_SIZE at;
	int code;

	g->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &code, &at,
				NULL);
	if (!g->code) {
		char text[256];

		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
		cmd_error("grep: the pattern is wrong at its character %zu: %s", at + 1, text);
		return false;
	}
	pcre2_jit_compile(g->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
	pcre2_pattern_info(g->code, PCRE2_INFO_MAXLOOKBEHIND, &g->lookbehind);
	g->match = pcre2_match_data_create_from_pattern(g->code, NULL);
	return g->match != NULL;
}

static int search_all(struct grep *g, const deja_filter *filter)
{
	struct reading r;
	struct deja_event ev;
	struct deja_sight sight;
	uint64_t unseen = 0;
	bool memory = true;
	int status;

	if (!reading_begin(&r, g->rec, filter, DEJA_LOOK_TRACK, "searched"))
		return CMD_UNREADABLE;
	if (r.look)
		deja_tracker_on_close(deja_look_tracker(r.look), end_stream, g);
	while (memory && !g->failed && reading_next(&r, &ev, &sight))
		for (size_t i = 0; memory && i < sight.leg_count; i++) {
			const struct deja_leg *leg = &sight.leg[i];

			if (!(leg->inbound ? g->in : g->out))
				continue;
			unseen += leg->stored ? 0 : leg->len;
			memory = add_leg(g, &ev, leg);
		}
	if (r.look)
		deja_tracker_each_open(deja_look_tracker(r.look), end_stream, g);
	status = reading_end(&r);
	if (unseen)
		cmd_error("%" PRIu64 " bytes are not in the recording and were not searched (digests, "
			  "sendfile, splice)",
			  unseen);
	if (!memory)
		cmd_error("out of memory");
	if (g->counts)
		printf("%" PRIu64 "\n", g->count);
	if (!memory || g->failed)
		return CMD_FAILED;
	return status ? status : !g->count;
}

int look_grep(int argc, char **argv)
{
	static struct grep g;
	struct selection selection = {0};
	bool fixed = false, ignore_case = false;
	int key, status, count;
	deja_filter *filter;

	while ((key = select_getopt(&selection, argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		fixed |= key == 'F';
		ignore_case |= key == 'i';
		g.counts |= key == 'c';
		g.in |= key == CMD_OPT_IN;
		g.out |= key == CMD_OPT_OUT;
		g.json |= key == CMD_OPT_JSON;
	}
	if (!cmd_operands(argc, argv, 2))
		return CMD_FAILED;
	count = argc - optind;
	if (!count || !*argv[optind]) {
		cmd_error("grep: say what to look for, as in `deja grep PATTERN`");
		return CMD_FAILED;
	}
	if (!g.in && !g.out)
		g.in = g.out = true;
	if (!compile(&g, argv[optind], fixed, ignore_case))
		return CMD_FAILED;
	g.rec = select_open(&selection, argv[0], argv[optind + 1], &filter, &status);
	if (!g.rec)
		return status;
	cmd_stdout_begin();
	status = search_all(&g, filter);
	deja_filter_free(filter);
	deja_close(g.rec);
	pcre2_match_data_free(g.match);
	pcre2_code_free(g.code);
	return cmd_stdout_end(status);
}
