/*
 * One stream being read: frames, their SYNC, the next event, seeking (source.h). malloc
 * through the reader only; not shared by threads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "error.h"
#include "source.h"

static int source_fail(struct tf_source *s, struct deja_error *err, enum deja_errno code,
		       const char *what)
{
	s->ended = 1;
	if (s->stream.number == DEJA_STREAM_EXTERNAL)
		return tf_fail(err, code, "%s: the external stream: %s", s->rec->path,
			       what);
	return tf_fail(err, code, "%s: stream %u: %s", s->rec->path, s->stream.number,
		       what);
}

void tf_source_close(struct tf_source *s)
{
	tf_reader_close(s->reader);
	s->reader = NULL;
	s->p = s->end = NULL;
	s->frame = 0;
	s->have_state = 0;
	s->ended = 0;
}

/* Loads frame s->frame and takes its SYNC, which must continue the state there is. */
static int source_load(struct tf_source *s, struct deja_error *err)
{
	struct deja_bytes frame;
	struct tf_state state;
	long len;

	if (tf_reader_frame(s->reader, s->frame, &frame, err) < 0) {
		s->ended = 1;
		return -1;
	}
	tf_state_init(&state);
	len = tf_event_len(frame.data, frame.len);
	/* A SYNC event: an array with the id 1. */
	if (len < 2 || frame.data[1] != TF_EV_SYNC ||
	    tf_state_apply(&state, frame.data, (size_t)len) < 0)
		return source_fail(s, err, DEJA_E_STREAM, "a frame has no beginning");
	if (s->have_state && memcmp(&state, &s->state, sizeof(state)) != 0)
		return source_fail(s, err, DEJA_E_STREAM,
				   "a frame does not continue the one before");
	s->state = state;
	s->have_state = 1;
	s->p = frame.data + len;
	s->end = frame.data + frame.len;
	s->frame++;
	return 0;
}

/* Makes at least one event's bytes available at s->p: 1, 0 at the end, -1 with *err. */
static int source_fill(struct tf_source *s, struct deja_error *err)
{
	while (s->p == s->end) {
		if (s->ended)
			return 0;
		if (s->frame == tf_reader_frame_count(s->reader)) {
			switch (tf_reader_ending(s->reader)) {
			case DEJA_OK:
				return 0;
			case DEJA_E_TRUNCATED:
				return source_fail(
				    s, err, DEJA_E_TRUNCATED,
				    "truncated here; what came before is "
				    "good");
			default:
				return source_fail(s, err, DEJA_E_STREAM,
						   "damaged after the last frame");
			}
		}
		if (source_load(s, err) < 0)
			return -1;
	}
	return s->ended ? 0 : 1;
}

/* The bytes of the event at s->p, applied to the state. -1 with *err. */
static int source_step(struct tf_source *s, struct deja_bytes *raw, struct deja_error *err)
{
	long len = tf_event_len(s->p, (size_t)(s->end - s->p));

	if (len <= 0 || tf_state_apply(&s->state, s->p, (size_t)len) < 0) {
		char text[64];

		snprintf(text, sizeof(text), "event %llu does not decode",
			 (unsigned long long)s->state.next_number);
		return source_fail(s, err, DEJA_E_EVENT, text);
	}
	raw->data = s->p;
	raw->len = (size_t)len;
	s->p += len;
	return 0;
}

int tf_source_next(struct tf_source *s, struct deja_event *ev, struct deja_error *err)
{
	struct tf_in in;
	uint32_t count;
	int rc;

	memset(ev, 0, offsetof(struct deja_event, items));
	for (;;) {
		rc = source_fill(s, err);
		if (rc <= 0)
			return rc;
		ev->number = s->state.next_number;
		if (source_step(s, &ev->raw, err) < 0)
			return -1;
		in.p = ev->raw.data;
		in.end = in.p + ev->raw.len;
		in.bad = 0;
		count = tf_get_array(&in);
		ev->id = (unsigned)tf_get_int(&in);
		if (ev->id != TF_EV_SYNC)
			break;
		/* Only a frame's beginning is a place for it. */
		return source_fail(s, err, DEJA_E_EVENT, "a SYNC event inside a frame");
	}
	if (ev->id == TF_EV_IMAGE || ev->id == TF_EV_CHILD) {
		int32_t pid = tf_decode_pid(ev->id, ev->raw.data, ev->raw.len);

		s->pid = pid ? pid : s->pid;
	}
	ev->stream = s->stream.number;
	ev->time_ns = s->state.time_ns;
	ev->tid = (int32_t)s->state.tid;
	ev->pid = s->stream.number == DEJA_STREAM_EXTERNAL ? ev->tid : s->pid;
	if (ev->id >= TF_ID_FIRST) {
		tf_get_int(&in); /* dt */
		ev->dur_ns = tf_get_int(&in);
		ev->result = tf_get_int(&in);
		tf_decode_call(&in, count - 4, ev);
		if (in.bad) {
			char text[64];

			snprintf(text, sizeof(text), "event %llu does not decode",
				 (unsigned long long)ev->number);
			return source_fail(s, err, DEJA_E_EVENT, text);
		}
	}
	return 1;
}

/* Puts the source before its first event. */
static void source_rewind(struct tf_source *s)
{
	s->p = s->end = NULL;
	s->frame = 0;
	s->have_state = 0;
	s->ended = 0;
}

int tf_source_open(struct tf_source *s, struct deja_error *err)
{
	struct deja_event ev;
	char *path;
	int len;

	if (s->stream.number == DEJA_STREAM_EXTERNAL)
		len = asprintf(&path, "%s/x1.zst", s->rec->path);
	else
		len = asprintf(&path, "%s/p%u.zst", s->rec->path, s->stream.number);
	if (len < 0)
		return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	if (access(path, F_OK) < 0 && errno == ENOENT)
		source_fail(s, err, DEJA_E_STREAM, "its file is missing");
	else
		s->reader = tf_reader_open_sealed(path, s->rec->seal, s->stream.number,
						  err);
	free(path);
	if (!s->reader)
		return -1;
	tf_reader_set_pieces(s->reader, s->rec->pieces);
	source_rewind(s);
	s->pid = s->stream.process ? s->stream.process->pid : 0;
	if (!s->pid && s->stream.number != DEJA_STREAM_EXTERNAL) {
		/* The header does not know the process yet; its first event does. */
		tf_source_next(s, &ev, NULL);
		source_rewind(s);
	}
	return 0;
}

/*
 * The last frame whose SYNC is before what is sought: by number (next_number <= number)
 * or by time (time_ns < time). 0 when none is. -1 with *err.
 */
static int find_frame(struct tf_source *s, bool by_time, uint64_t number, int64_t time_ns,
		      size_t *index, struct deja_error *err)
{
	size_t lo = 0, hi = tf_reader_frame_count(s->reader);
	struct tf_state st;

	/* Frames below lo are before it, frames from hi on are not. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (tf_reader_sync(s->reader, mid, &st, err) < 0) {
			s->ended = 1;
			return -1;
		}
		if (by_time ? st.time_ns < time_ns : st.next_number <= number)
			lo = mid + 1;
		else
			hi = mid;
	}
	*index = lo ? lo - 1 : 0;
	return 0;
}

static int no_such(struct tf_source *s, struct deja_error *err, const char *what)
{
	source_fail(s, err, DEJA_E_RANGE, what);
	s->p = s->end = NULL; /* at the end */
	return -1;
}

int tf_source_seek_event(struct tf_source *s, uint64_t number, struct deja_error *err)
{
	struct deja_bytes raw;
	int rc;

	source_rewind(s);
	if (find_frame(s, false, number, 0, &s->frame, err) < 0)
		return -1;
	for (;;) {
		rc = source_fill(s, err);
		if (rc < 0 && !(err && err->code == DEJA_E_TRUNCATED))
			return -1;
		if (rc <= 0 || s->state.next_number > number)
			return no_such(s, err, "no such event");
		if (s->state.next_number == number)
			return 0;
		if (source_step(s, &raw, err) < 0)
			return -1;
	}
}

int tf_source_seek_time(struct tf_source *s, int64_t time_ns, struct deja_error *err)
{
	struct deja_bytes raw;
	struct tf_state before;
	int rc;

	source_rewind(s);
	if (find_frame(s, true, 0, time_ns, &s->frame, err) < 0)
		return -1;
	for (;;) {
		rc = source_fill(s, err);
		if (rc < 0 && !(err && err->code == DEJA_E_TRUNCATED))
			return -1;
		if (rc <= 0)
			return no_such(s, err, "it ends before that time");
		before = s->state;
		if (source_step(s, &raw, err) < 0)
			return -1;
		if (s->state.time_ns >= time_ns) {
			s->p = raw.data;
			s->state = before;
			return 0;
		}
	}
}
