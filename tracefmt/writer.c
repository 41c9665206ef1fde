/*
 * The writer of process streams: raw event bytes in, zstd frames and a seek table out
 * (FORMAT.md 3). Called by the supervisor's drain loop; uses malloc and blocking
 * writes.
 *
 * The buffer holds one frame in the making: its SYNC event, complete events up to
 * `done`, then the beginning of the next event. Bytes are looked at once and copied
 * once, also when an event is as long as the kernel's longest read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "compress.h"
#include "error.h"
#include "pieces.h"
#include "scan.h"
#include "seektable.h"
#include "settle.h"
#include "stream.h"

enum {
	PIECE_LEN = 1 << 16,	     /* bytes taken in before events are looked for */
	KEEP_LEN = TF_FRAME_LEN * 4, /* a larger buffer is given back after use */
	STOP_REASON_MAX = 200,
	BLOCK_FRAMES = 512, /* a page */
};

/* What a writer works with and the next one can use again: short processes come and go, and making
 * it takes longer than writing their few events. */
struct room {
	uint8_t *buf;
	size_t cap;
};
enum { SPARE_MAX = 8 };
static struct room spare[SPARE_MAX];
static size_t spare_count;

/* For a frame with references, as it is stored; the writers', one after the other. */
static struct room stored;

struct tf_writer {
	int fd;
	int level;
	struct tf_state state;
	struct tf_scan scan; /* of the event that begins at done */
	uint8_t *buf;
	size_t cap, len, sync_len, done;
	bool settled; /* all of buf is there */
	struct tf_seek_entry **block; /* of BLOCK_FRAMES each: one array would be copied as it doubles */
	size_t frame_count, block_count; /* pieces frames count, too */
	tf_pool *pool; /* or NULL */
	struct tf_gathered gathered;
	bool has_references;
	uint64_t event_count, byte_len, disk_len, taken_len;
	uint64_t framed_count; /* of the events, in whole frames */
	struct deja_error failed; /* code 0 while all is well */
	tf_writer_watch *watch;
	void *watch_arg;
	const struct tf_seal *seal; /* or NULL */
	uint64_t nonce;
};

static int fail_with(tf_writer *w, struct deja_error *err)
{
	if (err && err != &w->failed)
		*err = w->failed;
	return -1;
}

/* The bytes are the writer's own: they may be sealed in their place. After a failure nothing is
 * written any more, so that no part of a sealed file is written twice. */
static int write_all(tf_writer *w, uint8_t *bytes, size_t len)
{
	if (w->seal)
		w->seal->apply(w->seal->arg, w->nonce, w->disk_len, bytes, len);
	while (len) {
		ssize_t n = write(w->fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tf_fail_errno(&w->failed, "cannot write the stream");
		bytes += n;
		len -= (size_t)n;
		w->disk_len += (uint64_t)n;
	}
	return 0;
}

static int reserve(tf_writer *w, size_t len)
{
	size_t cap = w->cap;
	uint8_t *buf;

	if (len <= cap)
		return 0;
	while (cap < len)
		cap *= 2;
	buf = realloc(w->buf, cap);
	if (!buf)
		return tf_fail(&w->failed, DEJA_E_NO_MEMORY,
			       "no memory for an event of %zu bytes", len);
	w->buf = buf;
	w->cap = cap;
	return 0;
}

static int write_compressed(void *writer, uint8_t *bytes, size_t len)
{
	return write_all(writer, bytes, len);
}

static int compress(tf_writer *w, const uint8_t *bytes, size_t len, uint64_t *compressed_len)
{
	uint64_t before = w->disk_len;

	if (tf_compress(w->level, bytes, len, write_compressed, w, &w->failed) < 0)
		return -1;
	*compressed_len = w->disk_len - before;
	return 0;
}

static struct tf_seek_entry *frame_at(const tf_writer *w, size_t i)
{
	return &w->block[i / BLOCK_FRAMES][i % BLOCK_FRAMES];
}

static int add_block(tf_writer *w)
{
	struct tf_seek_entry **grown = realloc(w->block, (w->block_count + 1) * sizeof(*grown));

	if (grown)
		w->block = grown;
	if (!grown || !(grown[w->block_count] = malloc(BLOCK_FRAMES * sizeof(**grown))))
		return tf_fail(&w->failed, DEJA_E_NO_MEMORY, "out of memory");
	w->block_count++;
	return 0;
}

static int add_frame(tf_writer *w, uint64_t compressed_len, uint64_t len)
{
	if (compressed_len > UINT32_MAX || len > UINT32_MAX ||
	    w->frame_count >= TF_SEEK_FRAME_MAX)
		return tf_fail(&w->failed, DEJA_E_STREAM, "the stream is too long");
	if (w->frame_count == w->block_count * BLOCK_FRAMES && add_block(w) < 0)
		return -1;
	*frame_at(w, w->frame_count) =
	    (struct tf_seek_entry){(uint32_t)compressed_len, (uint32_t)len};
	w->frame_count++;
	return 0;
}

/* Begins the next frame with the bytes behind `done`. */
static void begin_frame(tf_writer *w)
{
	uint8_t sync[TF_SYNC_MAX];
	size_t sync_len = tf_state_sync(&w->state, sync);
	size_t tail = w->len - w->done;

	/* Room for both is certain: the buffer is never smaller than a frame and was
	 * large enough for a SYNC and these bytes before, unless the clocks grew. */
	memmove(w->buf + sync_len, w->buf + w->done, tail);
	memcpy(w->buf, sync, sync_len);
	w->sync_len = w->done = sync_len;
	w->len = sync_len + tail;
}

static bool reserve_stored(size_t len)
{
	if (len > stored.cap) {
		free(stored.buf);
		stored.cap = len > TF_FRAME_LEN ? len + len / 4 : TF_FRAME_LEN;
		stored.buf = malloc(stored.cap);
	}
	return stored.buf;
}

/* The frame with references, and before it the frame that tells where they are. */
static int write_with_references(tf_writer *w)
{
	size_t len = tf_gathered_stored_len(&w->gathered, w->done), head_len;
	uint8_t *head = malloc(tf_gathered_head_max(&w->gathered));
	uint64_t compressed_len = 0;
	int rc = -1;

	if (!reserve_stored(len) || !head) {
		tf_fail(&w->failed, DEJA_E_NO_MEMORY, "out of memory");
		goto out;
	}
	head_len = tf_gathered_store(&w->gathered, w->buf, w->done, stored.buf, head);
	if (write_all(w, head, head_len) < 0 || compress(w, stored.buf, len, &compressed_len) < 0 ||
	    add_frame(w, head_len, 0) < 0)
		goto out;
	if (add_frame(w, compressed_len, len) < 0) {
		w->frame_count--;
		goto out;
	}
	w->has_references = true;
	rc = 0;
out:
	if (!stored.buf || stored.cap > KEEP_LEN) {
		free(stored.buf);
		stored = (struct room){0};
	}
	free(head);
	return rc;
}

static int write_frame(tf_writer *w)
{
	uint64_t compressed_len = 0;

	if (w->gathered.mark_count)
		return write_with_references(w);
	if (compress(w, w->buf, w->done, &compressed_len) < 0)
		return -1;
	return add_frame(w, compressed_len, w->done);
}

/* Writes the complete events as one frame and begins the next. What a failed write left
 * of a frame is cut off again, so that the file ends at a frame as far as can be. */
static int end_frame(tf_writer *w)
{
	uint64_t start = w->disk_len;

	if (w->done == w->sync_len)
		return 0;
	if (write_frame(w) < 0) {
		if (ftruncate(w->fd, (off_t)start) == 0 &&
		    lseek(w->fd, (off_t)start, SEEK_SET) >= 0)
			w->disk_len = start;
		w->done = w->sync_len; /* never written twice */
		w->event_count = w->framed_count;
		return -1;
	}
	if (w->pool)
		tf_gathered_publish(&w->gathered, w->pool);
	/* Who has written as much as the buffer holds will fill it one day: not by a page more for every
	 * longer frame, as the supervisor's load has it, which looks like a leak. */
	if (!w->settled && w->taken_len > w->cap) {
		w->settled = true;
		tf_settle(w->buf, w->cap);
	}
	w->byte_len += w->done;
	w->framed_count = w->event_count;
	if (reserve(w, w->len - w->done + TF_SYNC_MAX) < 0)
		return -1;
	begin_frame(w);
	if (w->cap > KEEP_LEN && w->len <= TF_FRAME_LEN) {
		uint8_t *buf = realloc(w->buf, KEEP_LEN);

		if (buf) {
			w->buf = buf;
			w->cap = KEEP_LEN;
		}
	}
	return 0;
}

/* Clock reads, of which there may be more than of all else, are the simplest of events. Takes those
 * at the beginning of what has arrived, as far as they come in their shortest form. */
static void take_clock_reads(tf_writer *w)
{
	enum { FORM_MAX = 12 }; /* bytes of the longest */
	size_t last = 0;

	while (w->len - w->done >= FORM_MAX && w->done < TF_FRAME_LEN) {
		const uint8_t *ev = w->buf + w->done;
		struct tf_in in = {ev + 3, ev + FORM_MAX, 0};
		int64_t delta;

		if (ev[0] != 0x93 || ev[1] != TF_EV_CLOCK || ev[2] >= TF_CLOCK_COUNT)
			break;
		delta = tf_get_int(&in);
		if (in.bad)
			break;
		w->state.clocks[ev[2]] =
		    (int64_t)((uint64_t)w->state.clocks[ev[2]] + (uint64_t)delta);
		w->state.next_number++;
		w->event_count++;
		last = (size_t)(in.p - ev);
		w->done += last;
	}
	if (last && w->watch)
		w->watch(w->watch_arg, TF_EV_CLOCK, w->buf + w->done - last, last);
}

/* Finds the events in what has arrived, cutting frames between them. */
static int take_events(tf_writer *w)
{
	for (;;) {
		const uint8_t *ev;
		int64_t id;
		int whole;

		if (!w->scan.pos)
			take_clock_reads(w);
		if (w->done >= TF_FRAME_LEN) {
			if (end_frame(w) < 0)
				return -1;
			continue;
		}
		ev = w->buf + w->done;
		whole = tf_scan_continue(&w->scan, ev, w->len - w->done);

		if (whole < 0)
			return tf_fail(&w->failed, DEJA_E_EVENT,
				       "event %llu is not an event",
				       (unsigned long long)w->state.next_number);
		if (w->scan.pos > UINT32_MAX - TF_SYNC_MAX)
			return tf_fail(&w->failed, DEJA_E_EVENT,
				       "event %llu is longer than a frame can be",
				       (unsigned long long)w->state.next_number);
		if (!whole) {
			/* A long event gets a frame of its own. */
			if (w->scan.pos > TF_FRAME_LEN && w->done > w->sync_len)
				return end_frame(w);
			return 0;
		}
		{
			struct tf_in in = {ev, ev + w->scan.pos, 0};

			tf_get_array(&in);
			id = tf_get_int(&in);
		}
		if (id == TF_EV_SYNC || tf_state_apply(&w->state, ev, w->scan.pos) < 0)
			return tf_fail(&w->failed, DEJA_E_EVENT,
				       "event %llu does not decode",
				       (unsigned long long)w->state.next_number);
		if (w->watch)
			w->watch(w->watch_arg, (unsigned)id, ev, w->scan.pos);
		if (w->pool && w->scan.pos >= TF_PIECE_MIN && id >= TF_ID_FIRST)
			tf_gather(&w->gathered, w->pool, w->buf, w->done, w->scan.pos);
		w->event_count++;
		w->done += w->scan.pos;
		tf_scan_begin(&w->scan);
		if (w->done >= TF_FRAME_LEN && end_frame(w) < 0)
			return -1;
	}
}

static bool room_take(tf_writer *w)
{
	struct room *r;

	if (spare_count) {
		r = &spare[--spare_count];
		w->buf = r->buf;
		w->cap = r->cap;
		return true;
	}
	w->cap = TF_FRAME_LEN + 2 * PIECE_LEN;
	w->buf = malloc(w->cap);
	return w->buf;
}

static void room_give(tf_writer *w)
{
	if (spare_count < SPARE_MAX && w->buf && w->cap <= KEEP_LEN)
		spare[spare_count++] = (struct room){w->buf, w->cap};
	else
		free(w->buf);
}

static void discard(tf_writer *w)
{
	room_give(w);
	tf_gathered_free(&w->gathered);
	for (size_t i = 0; i < w->block_count; i++)
		free(w->block[i]);
	free(w->block);
	free(w);
}

void tf_writers_settle(void)
{
	tf_compress_settle();
	if (reserve_stored(TF_FRAME_LEN))
		tf_settle(stored.buf, stored.cap);
}

static tf_writer *writer_open(const char *path, int level, int flags, struct deja_error *err)
{
	tf_writer *w = calloc(1, sizeof(*w));

	if (!w) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	w->fd = -1;
	if (!room_take(w)) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		goto fail;
	}
	w->level = level;
	w->fd = open(path, O_WRONLY | flags | O_CLOEXEC, 0600);
	if (w->fd < 0) {
		if (errno == ENOENT) /* the directory was there */
			tf_fail(err, DEJA_E_SYSTEM, "the recording was deleted while it was made");
		else
			tf_fail_errno(err, "cannot create %s", path);
		goto fail;
	}
	tf_state_init(&w->state);
	tf_scan_begin(&w->scan);
	return w;
fail:
	discard(w);
	return NULL;
}

tf_writer *tf_writer_open(const char *path, int level, struct deja_error *err)
{
	tf_writer *w = writer_open(path, level, O_CREAT | O_EXCL, err);

	if (w)
		begin_frame(w);
	return w;
}

/* Takes over what frame `index` holds. */
static int resume_frame(tf_writer *w, tf_reader *r, size_t index, struct deja_error *err)
{
	struct deja_bytes bytes;
	size_t at = 0, sync_len = 0;
	uint32_t pieces_len;

	if (tf_reader_frame(r, index, &bytes, err) < 0)
		return -1;
	while (at < bytes.len) {
		long len = tf_event_len(bytes.data + at, bytes.len - at);

		if (len <= 0 || tf_state_apply(&w->state, bytes.data + at, (size_t)len) < 0)
			return tf_fail(err, DEJA_E_EVENT, "an event of frame %zu does not decode",
				       index);
		if (at) {
			struct tf_in in = {bytes.data + at, bytes.data + at + len, 0};

			tf_get_array(&in);
			if (w->watch)
				w->watch(w->watch_arg, (unsigned)tf_get_int(&in),
					 bytes.data + at, (size_t)len);
			w->event_count++;
		} else {
			sync_len = (size_t)len;
		}
		at += (size_t)len;
	}
	pieces_len = tf_reader_pieces_len(r, index);
	if ((pieces_len && add_frame(w, pieces_len, 0) < 0) ||
	    add_frame(w, tf_reader_frame_disk_len(r, index) - pieces_len,
		      tf_reader_stored_len(r, index)) < 0)
		return fail_with(w, err);
	w->has_references |= pieces_len != 0;
	w->gathered.frame++;
	w->byte_len += bytes.len;
	w->disk_len += tf_reader_frame_disk_len(r, index);
	w->framed_count = w->event_count;
	w->taken_len += bytes.len - sync_len;
	return 0;
}

tf_writer *tf_writer_resume(const char *path, int level, tf_writer_watch *watch, void *arg,
			    struct deja_error *err)
{
	tf_reader *r = tf_reader_open(path, err);
	tf_writer *w = NULL;
	int rc = 0;

	if (r && tf_reader_ending(r) == DEJA_OK)
		tf_fail(err, DEJA_E_RANGE, "%s: is complete", path);
	else if (r)
		w = writer_open(path, level, 0, err);
	if (w)
		tf_writer_set_watch(w, watch, arg);
	for (size_t i = 0; w && !rc && i < tf_reader_frame_count(r); i++)
		rc = resume_frame(w, r, i, err);
	if (w && !rc && (ftruncate(w->fd, (off_t)w->disk_len) < 0 ||
			 lseek(w->fd, (off_t)w->disk_len, SEEK_SET) < 0))
		rc = tf_fail_errno(err, "cannot cut %s", path);
	if (r)
		tf_reader_close(r);
	if (!w)
		return NULL;
	if (rc < 0) { /* as it was */
		close(w->fd);
		discard(w);
		return NULL;
	}
	begin_frame(w);
	return w;
}

int tf_writer_append(tf_writer *w, const void *bytes, size_t len,
		     struct deja_error *err)
{
	const uint8_t *p = bytes;

	if (w->failed.code)
		return fail_with(w, err);
	while (len) {
		size_t tail = w->len - w->done;
		uint64_t missing = w->scan.pos > tail ? w->scan.pos - tail : 0;
		size_t n = PIECE_LEN;

		if (missing > n)
			n = missing;
		if (n > len)
			n = len;
		if (reserve(w, w->len + n) < 0)
			return fail_with(w, err);
		memcpy(w->buf + w->len, p, n);
		w->len += n;
		w->taken_len += n;
		p += n;
		len -= n;
		if (take_events(w) < 0)
			return fail_with(w, err);
	}
	return 0;
}

/* Written to a file without a name, all would be lost without a word. */
static int look_whether_deleted(tf_writer *w)
{
	struct stat st;

	if (fstat(w->fd, &st) == 0 && !st.st_nlink)
		return tf_fail(&w->failed, DEJA_E_SYSTEM, "the recording was deleted while it was made");
	return 0;
}

int tf_writer_flush(tf_writer *w, struct deja_error *err)
{
	if (w->failed.code || end_frame(w) < 0 || look_whether_deleted(w) < 0)
		return fail_with(w, err);
	return 0;
}

void tf_writer_set_seal(tf_writer *w, const struct tf_seal *seal, uint64_t nonce)
{
	w->seal = seal;
	w->nonce = nonce;
}

void tf_writer_set_level(tf_writer *w, int level)
{
	w->level = level;
}

void tf_writer_set_pool(tf_writer *w, tf_pool *pool, uint32_t stream)
{
	w->pool = pool;
	w->gathered.stream = stream;
}

bool tf_writer_has_references(const tf_writer *w)
{
	return w->has_references || w->gathered.mark_count;
}

void tf_writer_set_watch(tf_writer *w, tf_writer_watch *watch, void *arg)
{
	w->watch = watch;
	w->watch_arg = arg;
}

uint64_t tf_writer_event_count(const tf_writer *w)
{
	return w->event_count;
}

uint64_t tf_writer_byte_len(const tf_writer *w)
{
	return w->byte_len + (w->done > w->sync_len ? w->done : 0);
}

const struct tf_state *tf_writer_state(const tf_writer *w)
{
	return &w->state;
}

uint64_t tf_writer_taken_len(const tf_writer *w)
{
	return w->taken_len;
}

uint64_t tf_writer_framed_len(const tf_writer *w)
{
	return w->taken_len - (w->len - w->sync_len);
}

uint64_t tf_writer_disk_len(const tf_writer *w)
{
	return w->disk_len;
}

int tf_writer_stop(tf_writer *w, const char *reason, struct deja_error *err)
{
	uint8_t buf[STOP_REASON_MAX + 16], *p = buf;
	size_t len = strlen(reason);

	if (w->failed.code)
		return fail_with(w, err);
	if (len > STOP_REASON_MAX)
		len = STOP_REASON_MAX;
	w->taken_len -= w->len - w->done;
	w->len = w->done;
	tf_scan_begin(&w->scan);
	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_END);
	p = tf_put_uint(p, 0);
	p = tf_put_str(p, (uint32_t)len);
	memcpy(p, reason, len);
	return tf_writer_append(w, buf, (size_t)(p - buf) + len, err);
}

static int write_seek_table(tf_writer *w)
{
	size_t len = tf_seek_table_len(w->frame_count);
	uint8_t *table = malloc(len), *p = table;
	size_t i;
	int rc;

	if (!table)
		return tf_fail(&w->failed, DEJA_E_NO_MEMORY, "out of memory");
	p = tf_put_le32(p, TF_SEEK_SKIPPABLE_MAGIC);
	p = tf_put_le32(p, (uint32_t)(len - TF_SEEK_HEAD_LEN));
	for (i = 0; i < w->frame_count; i++) {
		p = tf_put_le32(p, frame_at(w, i)->compressed_len);
		p = tf_put_le32(p, frame_at(w, i)->len);
	}
	p = tf_put_le32(p, (uint32_t)w->frame_count);
	*p++ = 0; /* no checksums in the table */
	tf_put_le32(p, TF_SEEK_MAGIC);
	rc = write_all(w, table, len);
	free(table);
	return rc;
}

int tf_writer_close(tf_writer *w, struct deja_error *err)
{
	int rc;

	if (w->failed.code) {
		/* The events before the failure are kept; without a seek table the
		 * stream does not pass for complete. */
		struct deja_error first = w->failed;

		if (first.code == DEJA_E_EVENT)
			end_frame(w);
		w->failed = first;
		rc = -1;
	} else {
		rc = end_frame(w) < 0 || write_seek_table(w) < 0 || look_whether_deleted(w) < 0 ? -1 : 0;
	}
	if (close(w->fd) < 0 && rc == 0)
		rc = tf_fail_errno(&w->failed, "cannot write the stream");
	if (rc < 0)
		fail_with(w, err);
	discard(w);
	return rc;
}
