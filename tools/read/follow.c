/*
 * `deja cat -f`: a recording that is being made, as it grows. It is opened anew a few times a
 * second; of every stream what follows the last event that was seen is read, and merged by time.
 * Events of different processes that reach the disk at different times keep that order.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tools/read/cat.h"
#include "tracefmt/header.h"

enum { PAUSE_MS = 200 };

/* How far a stream was read, and what is being read of it. */
struct part {
	uint32_t stream;
	uint64_t seen; /* number of the last event */
	deja_cursor *cur;
	struct deja_event ev;
	bool has; /* ev is to be shown */
};

struct parts {
	struct part *part; /* by stream */
	size_t count;
};

static struct part *part_of(struct parts *p, uint32_t stream)
{
	struct part *grown;
	size_t i = 0;

	while (i < p->count && p->part[i].stream < stream)
		i++;
	if (i < p->count && p->part[i].stream == stream)
		return &p->part[i];
	grown = realloc(p->part, (p->count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	p->part = grown;
	memmove(&grown[i + 1], &grown[i], (p->count - i) * sizeof(*grown));
	p->count++;
	grown[i] = (struct part){.stream = stream};
	return &grown[i];
}

static void close_part(struct part *p)
{
	if (p->cur)
		deja_cursor_close(p->cur);
	p->cur = NULL;
	p->has = false;
}

static void next_of(struct part *p)
{
	struct deja_error err;

	p->has = deja_next(p->cur, &p->ev, &err) == 1;
	if (p->has)
		p->seen = p->ev.number;
	else
		close_part(p);
}

/* Opens what is new of every stream. False without memory. */
static bool open_parts(struct parts *parts, deja_recording *rec)
{
	struct deja_error err;

	for (size_t i = 0; i < deja_stream_count(rec); i++) {
		struct part *p = part_of(parts, deja_stream_at(rec, i));

		if (!p)
			return false;
		p->cur = deja_cursor_open(rec, p->stream, &err);
		if (p->cur && deja_seek_event(p->cur, p->seen + 1, &err) == 0)
			next_of(p);
		else
			close_part(p);
	}
	return true;
}

static struct part *earliest(struct parts *parts)
{
	struct part *best = NULL;

	for (size_t i = 0; i < parts->count; i++) {
		struct part *p = &parts->part[i];

		if (p->has && (!best || p->ev.time_ns < best->ev.time_ns))
			best = p;
	}
	return best;
}

static void show(struct cat *c, deja_tracker *t, const struct deja_event *ev)
{
	struct deja_sight sight = {.fd = -1, .classes = deja_event_classes(ev->id)};

	if (t && deja_tracker_feed(t, ev, &sight, NULL) < 0)
		return;
	if (!c->filter || deja_filter_match(c->filter, ev, t, &sight))
		cat_event(c, ev, &sight, t);
}

/* Not when it ended early, for whatever cause. (One whose recorder was killed looks as if it went
 * on.) */
static bool still_made(const deja_recording *rec)
{
	const struct deja_header *h = deja_header(rec);

	return !h->complete && (!h->cause || !*h->cause || !strcmp(h->cause, TF_CAUSE_RUNNING));
}

int cat_follow(struct cat *c, const char *path)
{
	const struct timespec pause = {0, PAUSE_MS * 1000000l};
	struct parts parts = {0};
	struct deja_error err = {0};
	deja_tracker *t = cat_tracks(c) ? deja_tracker_new(c->rec, &err) : NULL;
	deja_recording *rec = NULL;
	bool more = true;
	int status = 0;

	while (more && !status && !cmd_stdout_failed()) {
		struct part *p;

		rec = deja_open(path, &err);
		if (!rec || (more = still_made(rec), !open_parts(&parts, rec))) {
			cmd_error("%s", rec ? "out of memory" : err.message);
			status = rec ? CMD_FAILED : CMD_UNREADABLE;
		}
		while (!status && (p = earliest(&parts))) {
			show(c, t, &p->ev);
			next_of(p);
		}
		for (size_t i = 0; i < parts.count; i++)
			close_part(&parts.part[i]);
		if (rec)
			deja_close(rec);
		fflush(stdout);
		if (more && !status)
			nanosleep(&pause, NULL);
	}
	free(parts.part);
	deja_tracker_free(t);
	return status;
}
