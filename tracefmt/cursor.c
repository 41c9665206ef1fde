/*
 * libdeja: cursors (deja.h). malloc; handles are not shared by threads.
 *
 * A cursor is one source or, merged, a heap of all of them by the time of their next event.
 * A merged cursor opens a source only when its process has begun and closes it at its end,
 * so that a build with ten thousand processes needs neither as many descriptors nor as many
 * buffers.
 */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "source.h"

struct deja_cursor {
	deja_recording *rec;
	int merged;
	struct tf_source *sources;
	size_t source_count;
	struct tf_source **heap;
	size_t heap_count;
	struct tf_source *given; /* whose event the caller holds; not in the heap */
};

/* --- the heap of a merged cursor --- */

static bool before(const struct tf_source *a, const struct tf_source *b)
{
	return a->key_ns != b->key_ns ? a->key_ns < b->key_ns
				      : a->stream.number < b->stream.number;
}

static void heap_push(deja_cursor *cur, struct tf_source *s)
{
	size_t i = cur->heap_count++;

	while (i > 0 && before(s, cur->heap[(i - 1) / 2])) {
		cur->heap[i] = cur->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	cur->heap[i] = s;
}

static struct tf_source *heap_pop(deja_cursor *cur)
{
	struct tf_source *top = cur->heap[0], *last = cur->heap[--cur->heap_count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < cur->heap_count) {
		if (child + 1 < cur->heap_count &&
		    before(cur->heap[child + 1], cur->heap[child]))
			child++;
		if (!before(cur->heap[child], last))
			break;
		cur->heap[i] = cur->heap[child];
		i = child;
	}
	cur->heap[i] = last;
	return top;
}

/* Decodes the source's next event and queues it. A source at its end, or with an error,
 * is closed: the others go on. 0, or -1 with *err. */
static int advance(deja_cursor *cur, struct tf_source *s, struct deja_error *err)
{
	int rc = tf_source_next(s, &s->ev, err);

	if (rc > 0) {
		s->key_ns = s->ev.time_ns;
		heap_push(cur, s);
		return 0;
	}
	tf_source_close(s);
	return rc;
}

/* Not before this can the stream have an event. */
static void queue_unopened(deja_cursor *cur, struct tf_source *s)
{
	tf_source_close(s);
	s->key_ns = s->stream.process ? s->stream.process->start_ns : INT64_MIN;
	heap_push(cur, s);
}

static int merged_next(deja_cursor *cur, struct deja_event *ev, struct deja_error *err)
{
	struct tf_source *s = cur->given;

	cur->given = NULL;
	if (s && advance(cur, s, err) < 0)
		return -1;
	while (cur->heap_count) {
		s = heap_pop(cur);
		if (s->reader) {
			cur->given = s;
			/* what it has of items; most have few */
			memcpy(ev, &s->ev, offsetof(struct deja_event, items) +
					       s->ev.item_count * sizeof(s->ev.items[0]));
			ev->raw = s->ev.raw;
			return 1;
		}
		if (tf_source_open(s, err) < 0 || advance(cur, s, err) < 0)
			return -1;
	}
	return 0;
}

static int merged_seek_time(deja_cursor *cur, int64_t time_ns, struct deja_error *err)
{
	size_t i;
	int rc = 0;

	cur->heap_count = 0;
	cur->given = NULL;
	for (i = 0; i < cur->source_count; i++) {
		struct tf_source *s = &cur->sources[i];
		const struct deja_process *p = s->stream.process;
		struct deja_error own;

		if (p && p->complete && p->end_ns > 0 && p->end_ns < time_ns) {
			tf_source_close(s);
			continue;
		}
		if (p && p->start_ns >= time_ns) {
			queue_unopened(cur, s);
			continue;
		}
		if ((s->reader || tf_source_open(s, &own) == 0) &&
		    tf_source_seek_time(s, time_ns, &own) == 0 &&
		    advance(cur, s, &own) == 0)
			continue;
		tf_source_close(s);
		if (own.code != DEJA_E_RANGE && rc == 0) {
			rc = -1;
			if (err)
				*err = own;
		}
	}
	if (rc == 0 && cur->heap_count == 0)
		return tf_fail(err, DEJA_E_RANGE, "%s: it ends before that time",
			       cur->rec->path);
	return rc;
}

/* --- cursors --- */

deja_cursor *deja_cursor_open(deja_recording *rec, uint32_t stream,
			      struct deja_error *err)
{
	const struct tf_stream *one = stream ? tf_recording_stream(rec, stream) : NULL;
	deja_cursor *cur;
	size_t i;

	if (stream && !one) {
		tf_fail(err, DEJA_E_RANGE, "%s: no stream %u", rec->path, stream);
		return NULL;
	}
	cur = calloc(1, sizeof(*cur));
	if (!cur)
		goto no_memory;
	cur->rec = rec;
	cur->merged = !stream;
	cur->source_count = stream ? 1 : rec->stream_count;
	cur->sources = calloc(cur->source_count + 1, sizeof(*cur->sources));
	cur->heap = calloc(cur->source_count + 1, sizeof(struct tf_source *));
	if (!cur->sources || !cur->heap)
		goto no_memory;
	for (i = 0; i < cur->source_count; i++) {
		cur->sources[i].rec = rec;
		cur->sources[i].stream = one ? *one : rec->streams[i];
		if (cur->merged)
			queue_unopened(cur, &cur->sources[i]);
	}
	if (!cur->merged && tf_source_open(&cur->sources[0], err) < 0) {
		deja_cursor_close(cur);
		return NULL;
	}
	return cur;
no_memory:
	deja_cursor_close(cur);
	tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	return NULL;
}

void deja_cursor_close(deja_cursor *cur)
{
	size_t i;

	if (!cur)
		return;
	for (i = 0; cur->sources && i < cur->source_count; i++)
		tf_source_close(&cur->sources[i]);
	free(cur->sources);
	free(cur->heap);
	free(cur);
}

int deja_next(deja_cursor *cur, struct deja_event *ev, struct deja_error *err)
{
	return cur->merged ? merged_next(cur, ev, err)
			   : tf_source_next(&cur->sources[0], ev, err);
}

int deja_seek_event(deja_cursor *cur, uint64_t number, struct deja_error *err)
{
	if (cur->merged)
		return tf_fail(
		    err, DEJA_E_RANGE,
		    "event numbers belong to one stream, not to all of them");
	return tf_source_seek_event(&cur->sources[0], number, err);
}

int deja_seek_time(deja_cursor *cur, int64_t time_ns, struct deja_error *err)
{
	return cur->merged ? merged_seek_time(cur, time_ns, err)
			   : tf_source_seek_time(&cur->sources[0], time_ns, err);
}
