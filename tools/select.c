/*
 * See select.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tools/select.h"

enum { OPT = CMD_OPT_SELECT };

const struct cmd_option select_options[] = {
    {OPT + 0, "call", "NAME,...", "only these system calls, or events: signal, image"},
    {OPT + 1, "class", "CLASS,...",
     "only net, file, desc, time, process, signal, memory, ipc"},
    {OPT + 2, "pid", "P,...", "only events of these processes"},
    {OPT + 3, "tid", "T,...", "only events of these threads"},
    {OPT + 4, "fd", "N,...", "only calls that take these descriptors"},
    {OPT + 5, "io", "ID,...", "only calls on these streams of `deja streams`"},
    {OPT + 6, "peer", "TEXT,...", "only with peers whose address has TEXT; * and ? match"},
    {OPT + 7, "path", "TEXT,...", "only on paths that have TEXT; * and ? match all of it"},
    {OPT + 8, "result", "N,...", "only with these results; <N, >=N, ok, error"},
    {OPT + 9, "errno", "NAME,...", "only calls that failed so; `any`"},
    {OPT + 10, "range", "FROM..TO", "only in this range: 1s..2s, #10..#20, 1s.."},
    {0},
};

static void take(struct selection *s, int key, const char *value)
{
	void *grown = realloc(s->given, (s->count + 1) * sizeof(*s->given));

	if (!grown)
		abort(); /* a few bytes of the command line */
	s->given = grown;
	s->given[s->count].key = key;
	s->given[s->count++].value = value;
}

int select_getopt(struct selection *s, int argc, char **argv, int *status)
{
	int key;

	while ((key = cmd_getopt(argc, argv, status)) >= CMD_OPT_SELECT &&
	       key < CMD_OPT_SELECT_END)
		take(s, key, optarg);
	return key;
}

static const char *name_of(int key)
{
	for (const struct cmd_option *o = select_options; o->key; o++)
		if (o->key == key)
			return o->name;
	return "?";
}

bool select_has(const struct selection *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(name_of(s->given[i].key), name))
			return true;
	return false;
}

/* All that was given, for rec; NULL: as far as it can be judged without one. */
static bool make_filter(const struct selection *s, const char *command, deja_recording *rec,
			deja_filter **filter)
{
	struct deja_error err = {0};

	*filter = s->count ? deja_filter_new(rec) : NULL;
	if (s->count && !*filter) {
		cmd_error("out of memory");
		return false;
	}
	for (size_t i = 0; i < s->count; i++) {
		const char *name = name_of(s->given[i].key);

		if (deja_filter_add(*filter, name, s->given[i].value, &err) == 0)
			continue;
		cmd_error("%s: --%s: %s", command, name, err.message);
		deja_filter_free(*filter);
		*filter = NULL;
		return false;
	}
	return true;
}

deja_recording *select_open(struct selection *s, const char *command, const char *arg,
			    deja_filter **filter, int *status)
{
	deja_recording *rec = NULL;

	*status = CMD_FAILED;
	if (make_filter(s, command, NULL, filter)) {
		deja_filter_free(*filter);
		*filter = NULL;
		rec = cmd_open(arg, status);
	}
	if (rec && !make_filter(s, command, rec, filter)) {
		*status = CMD_FAILED;
		deja_close(rec);
		rec = NULL;
	}
	free(s->given);
	*s = (struct selection){0};
	return rec;
}

bool reading_begin(struct reading *r, deja_recording *rec, const deja_filter *filter,
		   unsigned flags, const char *what)
{
	*r = (struct reading){.rec = rec, .what = what};
	r->look = deja_look_open(rec, filter, flags, &r->err);
	if (r->look)
		return true;
	if (r->err.code == DEJA_E_TRUNCATED) {
		r->truncated = true;
		return true;
	}
	cmd_error("%s", r->err.message);
	return false;
}

bool reading_next(struct reading *r, struct deja_event *ev, struct deja_sight *sight)
{
	int got;

	while (r->look && !r->failed && !cmd_stdout_failed()) {
		got = deja_look_next(r->look, ev, sight, &r->err);
		if (got > 0)
			return true;
		if (got < 0 && r->err.code == DEJA_E_TRUNCATED) {
			r->truncated = true; /* the other streams go on */
			continue;
		}
		r->failed = got < 0;
		break;
	}
	return false;
}

int reading_end(struct reading *r)
{
	const struct deja_header *h = deja_header(r->rec);
	uint64_t read_count = r->look ? deja_look_read_count(r->look) : 0;

	if (r->look)
		deja_look_close(r->look);
	r->look = NULL;
	if (cmd_stdout_failed())
		return 0; /* cmd_stdout_end says why */
	if (r->failed) {
		cmd_error("damaged after %" PRIu64 " events: %s", read_count, r->err.message);
		return CMD_UNREADABLE;
	}
	if (r->truncated || !h->complete)
		cmd_error("the recording is incomplete%s%s; %s%s",
			  h->cause && *h->cause ? ": " : "", h->cause ? h->cause : "",
			  read_count ? "what it holds was " : "it holds no event",
			  read_count ? r->what : "");
	return r->truncated && !read_count ? CMD_UNREADABLE : 0;
}
