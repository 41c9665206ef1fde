/*
 * libdeja: recordings and cursors (deja.h). malloc; handles are not shared by threads.
 *
 * A source is one stream being read, a cursor is one source or, merged, a heap of all
 * of them by the time of their next event. A merged cursor opens a source only when its
 * process has begun and closes it at its end, so that a build with ten thousand
 * processes needs neither as many descriptors nor as many buffers.
 */
#include <dirent.h>
#include <errno.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "error.h"
#include "header.h"
#include "stream.h"

struct stream {
	uint32_t number;
	const struct deja_process *process; /* NULL: the header does not know it yet */
};

struct deja_recording {
	char *path;
	msgpack_zone zone;
	struct deja_header header;
	const struct deja_file *files;
	size_t file_count;
	struct stream *streams; /* by number */
	size_t stream_count;
};

struct source {
	const deja_recording *rec;
	struct stream stream;
	tf_reader *reader; /* NULL: not opened yet */
	size_t frame;	   /* the next to load */
	const uint8_t *p, *end;
	struct tf_state state;
	int have_state; /* state is that of the bytes before p */
	int ended;	/* by an error, or truncation has been told */
	int32_t pid;
	struct deja_event ev; /* merged: the head */
	int64_t key_ns;	      /* merged: time of the head, or a bound below it */
};

struct deja_cursor {
	deja_recording *rec;
	int merged;
	struct source *sources;
	size_t source_count;
	struct source **heap;
	size_t heap_count;
	struct source *given; /* whose event the caller holds; not in the heap */
};

/* --- recordings --- */

static int compare_streams(const void *a, const void *b)
{
	const struct stream *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	/* The one that the header describes first: it is the one that is kept. */
	return !x->process - !y->process;
}

static const struct stream *find_stream(const deja_recording *rec, uint32_t number)
{
	size_t lo = 0, hi = rec->stream_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (rec->streams[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < rec->stream_count && rec->streams[lo].number == number
		   ? &rec->streams[lo]
		   : NULL;
}

/* p<N>.zst: N in decimal without leading zeros. 0 when it is no stream's name. */
static uint32_t stream_number(const char *name)
{
	uint64_t n = 0;

	if (strcmp(name, "x1.zst") == 0)
		return DEJA_STREAM_EXTERNAL;
	if (name[0] != 'p' || name[1] == '0')
		return 0;
	for (name++; *name >= '0' && *name <= '9' && n < UINT32_MAX; name++)
		n = n * 10 + (uint64_t)(*name - '0');
	return n < DEJA_STREAM_EXTERNAL && strcmp(name, ".zst") == 0 ? (uint32_t)n : 0;
}

static int add_stream(deja_recording *rec, size_t *cap, uint32_t number,
		      const struct deja_process *process)
{
	if (rec->stream_count == *cap) {
		size_t more = *cap ? 2 * *cap : 16;
		struct stream *streams = realloc(rec->streams, more * sizeof(*streams));

		if (!streams)
			return -1;
		rec->streams = streams;
		*cap = more;
	}
	rec->streams[rec->stream_count].number = number;
	rec->streams[rec->stream_count].process = process;
	rec->stream_count++;
	return 0;
}

/* The header's processes, and the files that are there: while recording the header
 * knows none yet. */
static int list_streams(deja_recording *rec, struct deja_error *err)
{
	size_t cap = 0, i, kept = 0;
	struct dirent *entry;
	DIR *dir;

	for (i = 0; i < rec->header.process_count; i++) {
		const struct deja_process *p = &rec->header.processes[i];

		if (p->stream == 0 || p->stream == DEJA_STREAM_EXTERNAL)
			return tf_fail(err, DEJA_E_HEADER,
				       "%s: the header is damaged (a stream's number)",
				       rec->path);
		if (add_stream(rec, &cap, p->stream, p) < 0)
			return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	}
	dir = opendir(rec->path);
	if (!dir)
		return tf_fail_errno(err, "cannot read %s", rec->path);
	while ((entry = readdir(dir))) {
		uint32_t number = stream_number(entry->d_name);

		if (number && add_stream(rec, &cap, number, NULL) < 0) {
			closedir(dir);
			return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		}
	}
	closedir(dir);
	if (rec->stream_count)
		qsort(rec->streams, rec->stream_count, sizeof(*rec->streams),
		      compare_streams);
	for (i = 0; i < rec->stream_count; i++)
		if (i == 0 || rec->streams[i].number != rec->streams[kept - 1].number)
			rec->streams[kept++] = rec->streams[i];
	rec->stream_count = kept;
	return 0;
}

deja_recording *deja_open(const char *path, struct deja_error *err)
{
	deja_recording *rec = calloc(1, sizeof(*rec));

	if (!rec || !msgpack_zone_init(&rec->zone, MSGPACK_ZONE_CHUNK_SIZE)) {
		free(rec);
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	rec->path = strdup(path);
	if (!rec->path) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		goto fail;
	}
	if (tf_header_read(path, &rec->zone, &rec->header, err) < 0 ||
	    tf_files_read(path, &rec->zone, &rec->files, &rec->file_count, err) < 0 ||
	    list_streams(rec, err) < 0)
		goto fail;
	return rec;
fail:
	deja_close(rec);
	return NULL;
}

void deja_close(deja_recording *rec)
{
	if (!rec)
		return;
	msgpack_zone_destroy(&rec->zone);
	free(rec->streams);
	free(rec->path);
	free(rec);
}

const struct deja_header *deja_header(const deja_recording *rec)
{
	return &rec->header;
}

size_t deja_file_count(const deja_recording *rec)
{
	return rec->file_count;
}

const struct deja_file *deja_file_at(const deja_recording *rec, size_t index)
{
	return index < rec->file_count ? &rec->files[index] : NULL;
}

const struct deja_file *deja_file_by_id(const deja_recording *rec, uint32_t id)
{
	size_t i;

	/* Ids are given in order; a file that says otherwise is searched. */
	if (id && id - 1 < rec->file_count && rec->files[id - 1].id == id)
		return &rec->files[id - 1];
	for (i = 0; id && i < rec->file_count; i++)
		if (rec->files[i].id == id)
			return &rec->files[i];
	return NULL;
}

/* --- events --- */

/* One item; `in` is at it. */
static void decode_item(struct tf_in *in, struct deja_event *ev, unsigned index,
			const struct tf_arg *arg, bool inbound)
{
	struct deja_item *item = &ev->items[ev->item_count++];
	const uint8_t *start = in->p;
	uint8_t type = tf_peek(in);
	uint32_t len;

	memset(item, 0, sizeof(*item));
	item->arg = index;
	item->inbound = inbound;
	if (tf_get_nil(in))
		return;
	item->present = true;
	if (type < 0x80 || (type >= 0xcc && type <= 0xcf)) {
		item->is_digest = true;
		item->digest = (uint64_t)tf_get_int(in);
		if (inbound)
			in->bad = 1;
	} else if (arg->rule == TF_STRV || arg->rule == TF_MSG ||
		   arg->rule == TF_MMSG) {
		tf_get_array(in);
		in->p = in->bad ? in->p : start;
		tf_skip(in);
		item->bytes.data = start;
		item->bytes.len = (size_t)(in->p - start);
	} else {
		item->bytes.data = tf_get_bytes(in, &len);
		item->bytes.len = len;
	}
}

/*
 * A call's scalars and items; `in` is behind the result, `left` elements follow. What
 * TF_SUB arguments are depends on the request, which stands before them, so scalars can
 * be resolved as they come.
 */
static void decode_call(struct tf_in *in, uint32_t left, struct deja_event *ev)
{
	const struct tf_call *call = tf_call_by_id(ev->id);
	unsigned long args[6] = {0};
	struct tf_arg arg[6];
	unsigned i;
	int known;

	if (!call)
		return; /* a newer deja's call: times, result and raw bytes are known */
	for (i = 0; i < call->nargs && i < 6; i++) {
		arg[i] = tf_arg_resolve(call, i, args, &known);
		if (arg[i].kind == TF_MEM)
			continue;
		if (left-- == 0) {
			in->bad = 1;
			return;
		}
		ev->args[i] = tf_get_int(in);
		args[i] = (unsigned long)ev->args[i];
	}
	for (i = 0; i < call->nargs && i < 6; i++) {
		unsigned dir;

		if (arg[i].kind != TF_MEM)
			continue;
		for (dir = TF_TX; dir <= TF_RX; dir <<= 1) {
			if (!(arg[i].dir & dir))
				continue;
			if (left-- == 0) {
				in->bad = 1;
				return;
			}
			decode_item(in, ev, i, &arg[i], dir == TF_RX);
			if (in->bad)
				return;
		}
	}
}

/* The pid that an IMAGE or CHILD event states, or 0. */
static int32_t stated_pid(unsigned id, const uint8_t *raw, size_t len)
{
	struct tf_in in = {raw, raw + len, 0};
	int64_t pid = 0;
	uint32_t count, key_len;

	tf_get_array(&in);
	tf_get_int(&in);
	tf_get_int(&in); /* dt */
	if (id == TF_EV_CHILD) {
		tf_skip(&in);
		pid = tf_get_int(&in);
	} else if (id == TF_EV_IMAGE) {
		for (count = tf_get_map(&in); count && !in.bad; count--) {
			const uint8_t *key = tf_get_bytes(&in, &key_len);

			if (!in.bad && key_len == 3 && memcmp(key, "pid", 3) == 0)
				pid = tf_get_int(&in);
			else
				tf_skip(&in);
		}
	}
	return in.bad || pid < 0 || pid > INT32_MAX ? 0 : (int32_t)pid;
}

/* --- sources --- */

static int source_fail(struct source *s, struct deja_error *err, enum deja_errno code,
		       const char *what)
{
	s->ended = 1;
	if (s->stream.number == DEJA_STREAM_EXTERNAL)
		return tf_fail(err, code, "%s: the external stream: %s", s->rec->path,
			       what);
	return tf_fail(err, code, "%s: stream %u: %s", s->rec->path, s->stream.number,
		       what);
}

static void source_close(struct source *s)
{
	tf_reader_close(s->reader);
	s->reader = NULL;
	s->p = s->end = NULL;
	s->frame = 0;
	s->have_state = 0;
	s->ended = 0;
}

/* Loads frame s->frame and takes its SYNC, which must continue the state there is. */
static int source_load(struct source *s, struct deja_error *err)
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
static int source_fill(struct source *s, struct deja_error *err)
{
	while (s->p == s->end) {
		if (s->ended)
			return 0;
		if (s->frame == tf_reader_frame_count(s->reader)) {
			switch (tf_reader_truncated(s->reader)) {
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
static int source_step(struct source *s, struct deja_bytes *raw, struct deja_error *err)
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

static int source_next(struct source *s, struct deja_event *ev, struct deja_error *err)
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
		int32_t pid = stated_pid(ev->id, ev->raw.data, ev->raw.len);

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
		decode_call(&in, count - 4, ev);
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
static void source_rewind(struct source *s)
{
	s->p = s->end = NULL;
	s->frame = 0;
	s->have_state = 0;
	s->ended = 0;
}

static int source_open(struct source *s, struct deja_error *err)
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
		s->reader = tf_reader_open(path, err);
	free(path);
	if (!s->reader)
		return -1;
	source_rewind(s);
	s->pid = s->stream.process ? s->stream.process->pid : 0;
	if (!s->pid && s->stream.number != DEJA_STREAM_EXTERNAL) {
		/* The header does not know the process yet; its first event does. */
		source_next(s, &ev, NULL);
		source_rewind(s);
	}
	return 0;
}

/*
 * The last frame whose SYNC is before what is sought: by number (next_number <= number)
 * or by time (time_ns < time). 0 when none is. -1 with *err.
 */
static int find_frame(struct source *s, bool by_time, uint64_t number, int64_t time_ns,
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

static int no_such(struct source *s, struct deja_error *err, const char *what)
{
	source_fail(s, err, DEJA_E_RANGE, what);
	s->p = s->end = NULL; /* at the end */
	return -1;
}

static int source_seek_event(struct source *s, uint64_t number, struct deja_error *err)
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

static int source_seek_time(struct source *s, int64_t time_ns, struct deja_error *err)
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

/* --- the heap of a merged cursor --- */

static bool before(const struct source *a, const struct source *b)
{
	return a->key_ns != b->key_ns ? a->key_ns < b->key_ns
				      : a->stream.number < b->stream.number;
}

static void heap_push(deja_cursor *cur, struct source *s)
{
	size_t i = cur->heap_count++;

	while (i > 0 && before(s, cur->heap[(i - 1) / 2])) {
		cur->heap[i] = cur->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	cur->heap[i] = s;
}

static struct source *heap_pop(deja_cursor *cur)
{
	struct source *top = cur->heap[0], *last = cur->heap[--cur->heap_count];
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
static int advance(deja_cursor *cur, struct source *s, struct deja_error *err)
{
	int rc = source_next(s, &s->ev, err);

	if (rc > 0) {
		s->key_ns = s->ev.time_ns;
		heap_push(cur, s);
		return 0;
	}
	source_close(s);
	return rc;
}

/* Not before this can the stream have an event. */
static void queue_unopened(deja_cursor *cur, struct source *s)
{
	source_close(s);
	s->key_ns = s->stream.process ? s->stream.process->start_ns : INT64_MIN;
	heap_push(cur, s);
}

static int merged_next(deja_cursor *cur, struct deja_event *ev, struct deja_error *err)
{
	struct source *s = cur->given;

	cur->given = NULL;
	if (s && advance(cur, s, err) < 0)
		return -1;
	while (cur->heap_count) {
		s = heap_pop(cur);
		if (s->reader) {
			cur->given = s;
			*ev = s->ev;
			return 1;
		}
		if (source_open(s, err) < 0 || advance(cur, s, err) < 0)
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
		struct source *s = &cur->sources[i];
		const struct deja_process *p = s->stream.process;
		struct deja_error own;

		if (p && p->complete && p->end_ns > 0 && p->end_ns < time_ns) {
			source_close(s);
			continue;
		}
		if (p && p->start_ns >= time_ns) {
			queue_unopened(cur, s);
			continue;
		}
		if ((s->reader || source_open(s, &own) == 0) &&
		    source_seek_time(s, time_ns, &own) == 0 &&
		    advance(cur, s, &own) == 0)
			continue;
		source_close(s);
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
	const struct stream *one = stream ? find_stream(rec, stream) : NULL;
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
	cur->heap = calloc(cur->source_count + 1, sizeof(struct source *));
	if (!cur->sources || !cur->heap)
		goto no_memory;
	for (i = 0; i < cur->source_count; i++) {
		cur->sources[i].rec = rec;
		cur->sources[i].stream = one ? *one : rec->streams[i];
		if (cur->merged)
			queue_unopened(cur, &cur->sources[i]);
	}
	if (!cur->merged && source_open(&cur->sources[0], err) < 0) {
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
		source_close(&cur->sources[i]);
	free(cur->sources);
	free(cur->heap);
	free(cur);
}

int deja_next(deja_cursor *cur, struct deja_event *ev, struct deja_error *err)
{
	return cur->merged ? merged_next(cur, ev, err)
			   : source_next(&cur->sources[0], ev, err);
}

int deja_seek_event(deja_cursor *cur, uint64_t number, struct deja_error *err)
{
	if (cur->merged)
		return tf_fail(
		    err, DEJA_E_RANGE,
		    "event numbers belong to one stream, not to all of them");
	return source_seek_event(&cur->sources[0], number, err);
}

int deja_seek_time(deja_cursor *cur, int64_t time_ns, struct deja_error *err)
{
	return cur->merged ? merged_seek_time(cur, time_ns, err)
			   : source_seek_time(&cur->sources[0], time_ns, err);
}

const char *deja_call_name(unsigned id)
{
	const struct tf_call *call = tf_call_by_id(id);

	return call ? call->name : NULL;
}
