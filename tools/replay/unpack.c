/*
 * See unpack.h. The layout of an unpacked stream is in preload/session.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "preload/session.h"
#include "tools/cmd.h"
#include "tools/replay/unpack.h"
#include "tracefmt/stream.h"
#include "tracefmt/wire.h"

enum {
	UNPACK_FIRST = 4,	 /* frames of a stream unpacked before anything runs */
	SLOT_LONG_LEN = 1 << 20, /* bytes; of longer frames fewer are kept */
};

struct unpacked {
	uint32_t stream;
	uint64_t len;	   /* bytes, all frames */
	tf_reader *reader; /* NULL when done */
	struct stream_head *head;
	size_t map_len, next_frame;
	int fd;
	tf_writer *save; /* see struct unpacker, save_dir; NULL: not wanted */
	size_t saved;	 /* frames */
};

enum { SAVE_LEVEL = 3 };

/* Writes a frame without its SYNC: the writer has its own. */
static bool save_bytes(struct unpacked *s, const uint8_t *bytes, size_t len)
{
	long sync = tf_event_len(bytes, len);
	struct deja_error err;

	if (sync > 0 && len >= 2 && bytes[1] == TF_EV_SYNC) {
		bytes += sync;
		len -= (size_t)sync;
	}
	s->saved++;
	if (tf_writer_append(s->save, bytes, len, &err) == 0)
		return true;
	cmd_error("stream %u: %s", s->stream, err.message);
	return false;
}

/* The next one that is not saved yet. */
static bool save_frame(struct unpacked *s)
{
	size_t slot = s->saved % s->head->slot_count;

	return save_bytes(s, (uint8_t *)s->head + STREAM_HEAD_LEN + slot * s->head->slot_len,
			  s->head->frame[slot].len);
}

/* Unpacks the next frame of stream `s` into its slot. 1 done, 0 nothing to do now (all is
 * unpacked, or the process is not far enough), -1 after printing why not. */
static int unpack_frame(struct unpacked *s)
{
	struct stream_head *head = s->head;
	size_t i = s->next_frame, slot = i % head->slot_count;
	uint8_t *to = (uint8_t *)head + STREAM_HEAD_LEN + slot * head->slot_len;
	struct stream_frame *f = &head->frame[slot];
	struct deja_error err;
	struct deja_bytes bytes;

	if (i >= tf_reader_frame_count(s->reader))
		return 0;
	if (i >= head->slot_count) {
		const struct stream_frame *later =
		    &head->frame[(i + STREAM_KEEP_COUNT) % head->slot_count];

		if (later->start + later->len >
		    __atomic_load_n(&head->consumed, __ATOMIC_ACQUIRE))
			return 0;
		if (s->save && !save_frame(s))
			return -1;
	} else if (madvise(to, head->slot_len, MADV_POPULATE_WRITE) < 0 && errno != EINVAL) {
		cmd_error("/dev/shm: %s", strerror(errno));
		return -1;
	}
	if (tf_reader_frame(s->reader, i, &bytes, &err) < 0) {
		cmd_error("stream %u: %s", s->stream, err.message);
		return -1;
	}
	if (bytes.len > head->slot_len || head->ready + bytes.len > s->len) {
		cmd_error("stream %u: a frame is longer than its seek table says", s->stream);
		return -1;
	}
	__atomic_store_n(&f->len, 0, __ATOMIC_SEQ_CST);
	memcpy(to, bytes.data, bytes.len);
	__atomic_store_n(&f->start, head->ready, __ATOMIC_SEQ_CST);
	__atomic_store_n(&f->len, bytes.len, __ATOMIC_SEQ_CST);
	s->next_frame++;
	__atomic_store_n(&head->ready, head->ready + bytes.len, __ATOMIC_SEQ_CST);
	return 1;
}

/* Closes what is not needed any more; what is to be saved stays mapped until the stop. */
static void unpack_end(struct unpacked *s)
{
	if (s->reader)
		tf_reader_close(s->reader);
	s->reader = NULL;
	if (s->save)
		return;
	if (s->head)
		munmap(s->head, s->map_len);
	s->head = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

bool unpack_add(struct unpacker *u, const char *rec_path, const char *session_dir,
		uint32_t stream, uint64_t *len, bool *truncated)
{
	struct unpacked *s = calloc(1, sizeof(*s));
	struct unpacked **grown = realloc(u->streams, (u->count + 1) * sizeof(*grown));
	char path[PATH_MAX];
	struct deja_error err;
	uint64_t longest = 0;
	uint32_t slot_count;

	if (grown)
		u->streams = grown;
	if (!s || !grown) {
		free(s);
		cmd_error("out of memory");
		return false;
	}
	grown[u->count++] = s;
	s->fd = -1;
	s->stream = stream;
	snprintf(path, sizeof(path), "%s/p%u.zst", rec_path, s->stream);
	s->reader = tf_reader_open(path, &err);
	if (!s->reader) {
		cmd_error("%s: %s", path, err.message);
		return false;
	}
	if (!u->pieces)
		u->pieces = tf_pieces_open(rec_path);
	if (u->pieces)
		tf_reader_set_pieces(s->reader, u->pieces);
	if (tf_reader_truncated(s->reader) == DEJA_E_STREAM) {
		cmd_error("%s: damaged: its frames and its seek table do not agree", path);
		return false;
	}
	*truncated = tf_reader_truncated(s->reader) != DEJA_OK;
	*len = s->len = tf_reader_byte_len(s->reader);
	snprintf(path, sizeof(path), "%s/s%u", session_dir, s->stream);
	s->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	for (size_t i = 0; i < tf_reader_frame_count(s->reader); i++)
		if (tf_reader_frame_len(s->reader, i) > longest)
			longest = tf_reader_frame_len(s->reader, i);
	longest = (longest + STREAM_HEAD_LEN - 1) & ~(uint64_t)(STREAM_HEAD_LEN - 1);
	slot_count = longest > SLOT_LONG_LEN ? 2 * STREAM_KEEP_COUNT : STREAM_SLOT_MAX;
	s->map_len = STREAM_HEAD_LEN + longest * slot_count;
	if (s->fd < 0 || ftruncate(s->fd, (off_t)s->map_len) < 0 ||
	    posix_fallocate(s->fd, 0, STREAM_HEAD_LEN)) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	s->head = mmap(NULL, s->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (s->head == MAP_FAILED) {
		s->head = NULL;
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	if (u->save_dir) {
		snprintf(path, sizeof(path), "%s/p%u.zst", u->save_dir, s->stream);
		s->save = tf_writer_open(path, SAVE_LEVEL, &err);
		if (!s->save) {
			cmd_error("%s: %s", path, err.message);
			return false;
		}
	}
	s->head->total = s->len;
	s->head->slot_len = longest;
	s->head->slot_count = slot_count;
	for (unsigned i = 0; i < UNPACK_FIRST; i++) {
		int more = unpack_frame(s);

		if (more < 0)
			return false;
		if (!more)
			break;
	}
	if (s->head->ready == s->len)
		unpack_end(s);
	return true;
}

/* The rest, beside the replay: every stream as far as its process lets it. */
static void *unpack_rest(void *arg)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000};
	struct unpacker *u = arg;
	bool left = true;

	while (left && !u->stop) {
		bool busy = false;

		left = false;
		for (size_t i = 0; i < u->count; i++) {
			struct unpacked *s = u->streams[i];
			int more = s->reader ? unpack_frame(s) : 0;

			if (more < 0) {
				u->failed = true;
				return NULL;
			}
			busy |= more > 0;
			if (s->reader && s->head->ready == s->len)
				unpack_end(s);
			left |= s->reader != NULL;
		}
		if (left && !busy)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

void unpack_start(struct unpacker *u)
{
	sigset_t all, old;

	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	u->running = pthread_create(&u->thread, NULL, unpack_rest, u) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!u->running) {
		cmd_error("cannot start a thread");
		u->failed = true;
	}
}

/* The processes have ended. What they did not come to is saved as it is in the recording. False after
 * printing why not all is saved. */
static bool save_rest(struct unpacked *s)
{
	struct deja_bytes bytes;
	struct deja_error err;
	bool ok = true;

	if (!s->save)
		return true;
	while (ok && s->saved < s->next_frame)
		ok = save_frame(s);
	for (; ok && s->reader && s->next_frame < tf_reader_frame_count(s->reader); s->next_frame++) {
		ok = tf_reader_frame(s->reader, s->next_frame, &bytes, &err) == 0;
		if (!ok)
			cmd_error("stream %u: %s", s->stream, err.message);
		ok = ok && save_bytes(s, bytes.data, bytes.len);
	}
	if (tf_writer_close(s->save, &err) < 0) {
		cmd_error("stream %u: %s", s->stream, err.message);
		ok = false;
	}
	s->save = NULL;
	return ok;
}

void unpack_stop(struct unpacker *u)
{
	u->stop = true;
	if (u->running)
		pthread_join(u->thread, NULL);
	u->running = false;
	for (size_t i = 0; i < u->count; i++) {
		u->failed |= !save_rest(u->streams[i]);
		unpack_end(u->streams[i]);
		free(u->streams[i]);
	}
	tf_pieces_close(u->pieces);
	u->pieces = NULL;
	free(u->streams);
	u->streams = NULL;
	u->count = 0;
}
