/*
 * Events that pass a filter, with what is known of their descriptors (deja_look.h). Without a
 * tracker only what the filter may let pass is read: the streams it names, from the range's
 * beginning to its end.
 */
#include <stdlib.h>
#include <string.h>

#include "tracefmt/error.h"
#include "tracefmt/look/filter.h"
#include "tracefmt/recording.h"

struct deja_look {
	const deja_filter *filter;
	deja_cursor *cur;
	deja_tracker *tracker;
	uint64_t read_count;
	bool seek_failed;
};

/* The one stream that a filter lets pass, 0: more than one. */
static uint32_t only_stream(const deja_recording *rec, const deja_filter *f)
{
	const struct look_list *pid = &f->list[LOOK_KEY_PID];
	const struct look_list *process = &f->list[LOOK_KEY_PROCESS];
	uint32_t stream = 0;

	if (process->count == 1 && !process->negated)
		return (uint32_t)process->value[0].a;
	if (pid->count != 1 || pid->negated || !rec->header.complete)
		return 0;
	for (size_t i = 0; i < rec->header.external_count; i++)
		if (rec->header.externals[i].pid == pid->value[0].a)
			return 0; /* in the external stream, too */
	for (size_t i = 0; i < rec->header.process_count; i++)
		if (rec->header.processes[i].pid == pid->value[0].a) {
			if (stream)
				return 0;
			stream = rec->header.processes[i].stream;
		}
	return stream;
}

deja_look *deja_look_open(deja_recording *rec, const deja_filter *filter, unsigned flags,
			  struct deja_error *err)
{
	deja_look *l = calloc(1, sizeof(*l));
	bool track = flags & DEJA_LOOK_TRACK || (filter && deja_filter_needs_tracker(filter));
	uint32_t stream = !track && filter ? only_stream(rec, filter) : 0;
	const struct deja_range *range;
	struct deja_error own = {0};

	if (!l) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	l->filter = filter;
	l->tracker = track ? deja_tracker_new(rec, err) : NULL;
	l->cur = !track || l->tracker ? deja_cursor_open(rec, stream, err) : NULL;
	if (!l->cur)
		goto fail;
	range = filter && filter->has_range ? &filter->range : NULL;
	if (!track && range && range->has_from && range->from.time_ns > 0) {
		/* Events of one time stand in any order: those at the bound are looked at. */
		if (deja_seek_time(l->cur, range->from.time_ns, &own) < 0) {
			l->seek_failed = own.code == DEJA_E_RANGE;
			if (!l->seek_failed && own.code != DEJA_E_TRUNCATED) {
				if (err)
					*err = own;
				goto fail;
			}
		}
	}
	return l;
fail:
	deja_look_close(l);
	return NULL;
}

void deja_look_close(deja_look *l)
{
	if (!l)
		return;
	if (l->cur)
		deja_cursor_close(l->cur);
	deja_tracker_free(l->tracker);
	free(l);
}

int deja_look_next(deja_look *l, struct deja_event *ev, struct deja_sight *sight,
		   struct deja_error *err)
{
	const struct deja_range *range =
	    l->filter && l->filter->has_range ? &l->filter->range : NULL;
	struct deja_sight own;
	int rc;

	if (!sight)
		sight = &own;
	if (l->seek_failed)
		return 0;
	while ((rc = deja_next(l->cur, ev, err)) > 0) {
		l->read_count++;
		/* Numbers of other streams may still be in it at the end's very time. */
		if (range && range->has_to && ev->time_ns > range->to.time_ns)
			return 0;
		if (l->tracker) {
			if (deja_tracker_feed(l->tracker, ev, sight, err) < 0)
				return -1;
		} else {
			memset(sight, 0, offsetof(struct deja_sight, leg));
			sight->fd = -1;
			sight->classes = deja_event_classes(ev->id);
		}
		if (!l->filter || deja_filter_match(l->filter, ev, l->tracker, sight))
			return 1;
	}
	return rc;
}

deja_tracker *deja_look_tracker(deja_look *l)
{
	return l->tracker;
}

uint64_t deja_look_read_count(const deja_look *l)
{
	return l->read_count;
}
