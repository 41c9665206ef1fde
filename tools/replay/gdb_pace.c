/*
 * See gdb_pace.h. Called by gdb.c; the debugger's script (tools/replay/gdb/gdb.py) does the pausing.
 */
#include <stdlib.h>
#include "tools/cmd.h"
#include "tools/replay/gdb_pace.h"
#include "tools/replay/pace.h"
#include "tracefmt/deja_look.h"

/* The process stands before this event is served. */
struct debug_pause {
	uint64_t event;
	char text[PACE_TEXT_LEN + 32];
};

static bool add(struct debug_pace *p, uint64_t event, const char *text)
{
	struct debug_pause *grown = realloc(p->pause, (p->count + 1) * sizeof(*grown));

	if (!grown) {
		cmd_error("out of memory");
		return false;
	}
	p->pause = grown;
	p->pause[p->count].event = event;
	snprintf(p->pause[p->count++].text, sizeof(grown->text), "%s", text);
	return true;
}

static bool add_until(deja_recording *rec, const struct debug_target *t, struct debug_pace *p)
{
	deja_cursor *cur = NULL;
	struct deja_error err = {0};
	struct deja_when when;
	struct deja_event ev;
	char text[PACE_TEXT_LEN + 32];
	int got = 0;

	if (deja_when_parse(rec, p->until, NULL, &when, &err) < 0) {
		cmd_error("gdb: --until: %s", err.message);
		return false;
	}
	cur = deja_cursor_open(rec, t->stream, &err);
	while (cur && (got = deja_next(cur, &ev, &err)) == 1 && ev.time_ns <= when.time_ns)
		;
	deja_cursor_close(cur);
	snprintf(text, sizeof(text), "paused: --until %s", p->until);
	if (got == 1)
		return add(p, ev.number, text);
	cmd_error("gdb: --until %s: process %d has nothing after that", p->until, (int)t->pid);
	return false;
}

static int by_event(const void *a, const void *b)
{
	const struct debug_pause *x = a, *y = b;

	return x->event < y->event ? -1 : x->event > y->event;
}

bool debug_pace_find(deja_recording *rec, const char *path, const struct debug_target *t,
		     struct debug_pace *p)
{
	struct pace_turns turns = {0};
	bool ok = true;

	if (p->turns)
		ok = pace_find_turns(rec, path, &turns);
	for (size_t i = 0; ok && i < turns.count; i++) {
		char text[PACE_TEXT_LEN];

		pace_turn_text(&turns, i, text, sizeof(text));
		if (turns.turn[i].stream == t->stream)
			ok = add(p, turns.turn[i].event, text);
	}
	free(turns.turn);
	ok = ok && (!p->until || add_until(rec, t, p));
	if (p->count)
		qsort(p->pause, p->count, sizeof(*p->pause), by_event);
	return ok;
}

void debug_pace_write(struct json *j, const struct debug_pace *p)
{
	char factor[32];

	snprintf(factor, sizeof(factor), "%g", p ? p->factor : 0);
	json_text(j, "pace", factor);
	json_open(j, "pauses", '[');
	for (size_t i = 0; p && i < p->count; i++) {
		json_open(j, NULL, '{');
		json_uint(j, "event", p->pause[i].event);
		json_text(j, "text", p->pause[i].text);
		json_close(j, '}');
	}
	json_close(j, ']');
}

void debug_pace_free(struct debug_pace *p)
{
	free(p->pause);
	p->pause = NULL;
	p->count = 0;
}
