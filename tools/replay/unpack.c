/*
 * See unpack.h. The layout of an unpacked stream is in preload/session.h.
 *
 * A thread unpacks every stream as far as its process lets it; where that leaves more to do,
 * helpers take frames as well, each with a reader of its own. Frames are claimed and published in
 * their order, under one lock, and decompressed outside of it. The replayed process can write to
 * the memory that it shares with us: nothing in it is believed but how far the process says it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
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
#include "tools/session.h"
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
	uint64_t slot_len;
	uint32_t slot_count;
	size_t map_len;
	size_t next_frame, published; /* the first not claimed, and not published */
	uint64_t next_start, ready;   /* where these begin */
	struct {
		uint64_t start, len;
		bool done;
	} slot[STREAM_SLOT_MAX];
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

static uint8_t *slot_bytes(const struct unpacked *s, size_t index)
{
	return (uint8_t *)s->head + STREAM_HEAD_LEN + index % s->slot_count * s->slot_len;
}

/* The next one that is not saved yet. */
static bool save_frame(struct unpacked *s)
{
	return save_bytes(s, slot_bytes(s, s->saved), s->slot[s->saved % s->slot_count].len);
}

/* Whether the next frame's slot is free: the process is some frames past what it held. */
static bool may_claim(const struct unpacked *s)
{
	size_t later = s->next_frame + STREAM_KEEP_COUNT - s->slot_count, at;

	if (!s->reader || s->next_frame >= tf_reader_frame_count(s->reader))
		return false;
	if (s->next_frame < s->slot_count)
		return true;
	at = later % s->slot_count;
	return later < s->published && s->slot[at].start + s->slot[at].len <=
					       __atomic_load_n(&s->head->consumed, __ATOMIC_ACQUIRE);
}

static size_t claim(struct unpacked *s)
{
	size_t i = s->next_frame++, at = i % s->slot_count;

	s->slot[at].done = false;
	s->slot[at].start = s->next_start;
	s->slot[at].len = tf_reader_frame_len(s->reader, i);
	s->next_start += s->slot[at].len;
	return i;
}

int unpack_status(const struct unpacker *u)
{
	return u->no_room ? CMD_CANNOT_RUN : CMD_UNREADABLE;
}

/* This machine does not give what a replay needs. Said once, by whichever thread is the first. */
static void no_room(struct unpacker *u, const char *what, int error)
{
	if (!__atomic_exchange_n(&u->no_room, true, __ATOMIC_SEQ_CST))
		session_cannot_hold(what, error);
}

/* Memory of a file on a file system that is full must not be touched. */
static bool make_room(struct unpacker *u, const struct unpacked *s, uint8_t *at)
{
	int error;

	if (madvise(at, s->slot_len, MADV_POPULATE_WRITE) == 0)
		return true;
	error = errno == EFAULT ? ENOSPC : errno;
	if (error == EINVAL) /* Linux < 5.14 */
		error = posix_fallocate(s->fd, at - (uint8_t *)s->head, (off_t)s->slot_len);
	if (error)
		no_room(u, "/dev/shm", error);
	return !error;
}

/* Unpacks a claimed frame. False after printing why not. */
static bool fill(struct unpacker *u, struct unpacked *s, tf_reader *reader, size_t i)
{
	struct stream_frame *f = &s->head->frame[i % s->slot_count];
	uint8_t *to = slot_bytes(s, i);
	struct deja_error err;

	if (i < s->slot_count && !make_room(u, s, to))
		return false;
	__atomic_store_n(&f->len, 0, __ATOMIC_SEQ_CST);
	if (tf_reader_frame_to(reader, i, to, &err) == 0)
		return true;
	cmd_error("stream %u: %s", s->stream, err.message);
	return false;
}

static void publish(struct unpacked *s, size_t i)
{
	s->slot[i % s->slot_count].done = true;
	while (s->published < s->next_frame && s->slot[s->published % s->slot_count].done) {
		size_t at = s->published++ % s->slot_count;
		struct stream_frame *f = &s->head->frame[at];

		__atomic_store_n(&f->start, s->ready, __ATOMIC_SEQ_CST);
		__atomic_store_n(&f->len, s->slot[at].len, __ATOMIC_SEQ_CST);
		s->ready += s->slot[at].len;
	}
	__atomic_store_n(&s->head->ready, s->ready, __ATOMIC_SEQ_CST);
}

/* Unpacks the next frame of stream `s` into its slot. 1 done, 0 nothing to do now (all is
 * unpacked, or the process is not far enough), -1 after printing why not. *more: another could be
 * had right now. */
static int unpack_frame(struct unpacker *u, struct unpacked *s, bool *more)
{
	size_t i;

	pthread_mutex_lock(&u->lock);
	if (!may_claim(s)) {
		pthread_mutex_unlock(&u->lock);
		return 0;
	}
	i = claim(s);
	*more = may_claim(s);
	pthread_mutex_unlock(&u->lock);
	if ((s->save && i >= s->slot_count && !save_frame(s)) || !fill(u, s, s->reader, i))
		return -1;
	pthread_mutex_lock(&u->lock);
	publish(s, i);
	pthread_mutex_unlock(&u->lock);
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
	int error;

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
	if (!u->rec_path) {
		pthread_mutex_init(&u->lock, NULL);
		u->rec_path = rec_path;
		u->pieces = tf_pieces_open(rec_path);
	}
	if (u->pieces)
		tf_reader_set_pieces(s->reader, u->pieces);
	if (tf_reader_ending(s->reader) == DEJA_E_STREAM) {
		cmd_error("%s: damaged: its frames and its seek table do not agree", path);
		return false;
	}
	*truncated = tf_reader_ending(s->reader) != DEJA_OK;
	*len = s->len = tf_reader_byte_len(s->reader);
	snprintf(path, sizeof(path), "%s/s%u", session_dir, s->stream);
	s->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	for (size_t i = 0; i < tf_reader_frame_count(s->reader); i++)
		if (tf_reader_frame_len(s->reader, i) > longest)
			longest = tf_reader_frame_len(s->reader, i);
	longest = (longest + STREAM_HEAD_LEN - 1) & ~(uint64_t)(STREAM_HEAD_LEN - 1);
	s->slot_len = longest;
	s->slot_count = longest > SLOT_LONG_LEN ? 2 * STREAM_KEEP_COUNT : STREAM_SLOT_MAX;
	s->map_len = STREAM_HEAD_LEN + longest * s->slot_count;
	error = s->fd < 0 || ftruncate(s->fd, (off_t)s->map_len) < 0
			? errno
			: posix_fallocate(s->fd, 0, STREAM_HEAD_LEN);
	if (!error) {
		s->head = mmap(NULL, s->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
		error = s->head == MAP_FAILED ? errno : 0;
	}
	if (error) {
		s->head = NULL;
		no_room(u, path, error);
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
	s->head->slot_len = s->slot_len;
	s->head->slot_count = s->slot_count;
	for (unsigned i = 0; i < UNPACK_FIRST; i++) {
		bool left;
		int more = unpack_frame(u, s, &left);

		if (more < 0)
			return false;
		if (!more)
			break;
	}
	if (s->ready == s->len)
		unpack_end(s);
	return true;
}

/* --- beside the replay --- */

/* Takes frames of streams that have more than their thread can unpack. */
static void *help(void *arg)
{
	struct unpacker *u = arg;
	tf_pieces *pieces = tf_pieces_open(u->rec_path);
	tf_reader *reader = NULL;
	uint32_t stream = 0; /* the reader's */
	char path[PATH_MAX];
	struct deja_error err;

	while (!u->stop && !u->failed) {
		struct unpacked *s = NULL;
		bool ok = pieces != NULL;
		size_t i = 0;

		pthread_mutex_lock(&u->lock);
		for (size_t k = 0; k < u->count && !s; k++)
			if (may_claim(u->streams[k]))
				s = u->streams[k];
		if (s && ok)
			i = claim(s);
		pthread_mutex_unlock(&u->lock);
		if (!s) {
			while (sem_wait(&u->wanted) < 0)
				;
			continue;
		}
		if (ok && s->stream != stream) {
			tf_reader_close(reader);
			snprintf(path, sizeof(path), "%s/p%u.zst", u->rec_path, s->stream);
			reader = tf_reader_open(path, &err);
			ok = reader != NULL;
			stream = ok ? s->stream : 0;
			if (ok)
				tf_reader_set_pieces(reader, pieces);
			else
				cmd_error("%s: %s", path, err.message);
		}
		if (!ok || !fill(u, s, reader, i)) {
			u->failed = true;
			break;
		}
		pthread_mutex_lock(&u->lock);
		publish(s, i);
		pthread_mutex_unlock(&u->lock);
	}
	tf_reader_close(reader);
	tf_pieces_close(pieces);
	return NULL;
}

static void wake_helper(struct unpacker *u)
{
	cpu_set_t set;
	int count, waiting;

	if (!u->helpers_tried) {
		u->helpers_tried = true;
		count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) - 1 : 0;
		if (u->save_dir || sem_init(&u->wanted, 0, 0) < 0)
			return;
		while ((int)u->helper_count < count && u->helper_count < UNPACK_HELPER_MAX &&
		       pthread_create(&u->helper[u->helper_count], NULL, help, u) == 0)
			u->helper_count++;
	}
	if (u->helper_count && sem_getvalue(&u->wanted, &waiting) == 0 &&
	    waiting < (int)u->helper_count)
		sem_post(&u->wanted);
}

/* Every stream as far as its process lets it. */
static void *unpack_rest(void *arg)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000};
	struct unpacker *u = arg;
	bool left = true;

	while (left && !u->stop && !u->failed) {
		bool busy = false;

		left = false;
		for (size_t i = 0; i < u->count; i++) {
			struct unpacked *s = u->streams[i];
			bool more = false, all;
			int done = s->reader ? unpack_frame(u, s, &more) : 0;

			if (done < 0) {
				u->failed = true;
				return NULL;
			}
			busy |= done > 0;
			if (more)
				wake_helper(u);
			pthread_mutex_lock(&u->lock);
			all = s->reader && s->ready == s->len;
			if (all)
				unpack_end(s);
			pthread_mutex_unlock(&u->lock);
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
	for (unsigned i = 0; i < u->helper_count; i++)
		sem_post(&u->wanted);
	for (unsigned i = 0; i < u->helper_count; i++)
		pthread_join(u->helper[i], NULL);
	u->helper_count = 0;
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
