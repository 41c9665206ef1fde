/*
 * Process streams on disk: sequences of independent zstd frames with the standard
 * seek table (FORMAT.md 3). The writer is the supervisor's, the reader the tools'.
 * Not for the recorded process: uses zstd, malloc and stdio. Not thread-safe per handle.
 */
#ifndef DEJA_TRACEFMT_STREAM_H
#define DEJA_TRACEFMT_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include "deja.h"
#include "seal.h"
#include "wire.h"

/*
 * The running state of a stream's decoder: what deltas are relative to. One update per
 * event; a SYNC event carries it whole. tid is the thread of the next event.
 */
struct tf_state {
	uint64_t next_number; /* of the next counted event, from 1 */
	int64_t time_ns;      /* completion of the last timed event, since start */
	int64_t tid;
	int64_t clocks[TF_CLOCK_COUNT]; /* ns */
};

/* As before event 1. */
void tf_state_init(struct tf_state *st);
/* Applies one encoded event (exactly one msgpack array at ev). 0, or -1 if it does not
 * decode. Fast: called for every event by the supervisor. */
int tf_state_apply(struct tf_state *st, const uint8_t *ev, size_t len);
/* Encodes the SYNC event for this state; buf has room for TF_SYNC_MAX bytes. */
enum { TF_SYNC_MAX = 512 };
size_t tf_state_sync(const struct tf_state *st, uint8_t *buf);
/* The length in bytes of the first complete event in buf, 0 when it is incomplete,
 * -1 when it is not an event. */
long tf_event_len(const uint8_t *buf, size_t len);

/* --- pieces: bytes that the recording has already (pieces.h) --- */
/* What the writers of one recording have written; NULL where there is no memory. */
typedef struct tf_pool tf_pool;
tf_pool *tf_pool_new(void);
void tf_pool_free(tf_pool *pool);
/* Makes all of its memory exist. Else it does so page by page, over hours for a program with few
 * long byte strings; a short recording is spared. */
void tf_pool_settle(tf_pool *pool);
/* What the readers of the recording in `dir` look up; NULL where there is no memory. */
typedef struct tf_pieces tf_pieces;
tf_pieces *tf_pieces_open(const char *dir);
void tf_pieces_close(tf_pieces *p);

/* --- writer --- */
/* Writers share what they compress with: one thread at a time. */
typedef struct tf_writer tf_writer;

/* Creates path (mode 0600, must not exist). level: zstd's, at most TF_LEVEL_MAX (compress.h).
 * NULL with *err. */
tf_writer *tf_writer_open(const char *path, int level, struct deja_error *err);
/* Appends raw stream bytes as the ring delivered them; pieces may end in the middle of
 * an event. Frames are cut at event boundaries, every TF_FRAME_LEN bytes or when
 * tf_writer_flush is called. 0 or -1 with *err; after a failure all later calls fail. */
enum { TF_FRAME_LEN = 1 << 18 };
int tf_writer_append(tf_writer *w, const void *bytes, size_t len, struct deja_error *err);
/* From the first byte on: what reaches the file is sealed. `seal` lives as long as the writer. */
void tf_writer_set_seal(tf_writer *w, const struct tf_seal *seal, uint64_t nonce);
/* From the next frame on. */
void tf_writer_set_level(tf_writer *w, int level);
/* Called for every event while it is appended, of several clock reads in a row for the last alone:
 * its id and its bytes. */
typedef void tf_writer_watch(void *arg, unsigned id, const uint8_t *ev, size_t len);
void tf_writer_set_watch(tf_writer *w, tf_writer_watch *watch, void *arg);
/* Before the first event is appended: long byte strings that the pool has become references, and
 * others may refer to this stream, number `stream`. The pool outlives the writer. */
void tf_writer_set_pool(tf_writer *w, tf_pool *pool, uint32_t stream);
/* Makes all the memory exist that writers share. Else it does so as the supervisor's load changes,
 * hours later; a short recording is spared. */
void tf_writers_settle(void);
/* Whether the file has references, which format 1 lacks, or will have after its next frame. */
bool tf_writer_has_references(const tf_writer *w);
/* Goes on with a stream whose writer was killed: behind its last whole frame, what follows is cut
 * off. `watch` sees the events that are there. A stream that has its seek table is an error,
 * DEJA_E_RANGE, and one that cannot be decoded is left as it is. NULL with *err. */
tf_writer *tf_writer_resume(const char *path, int level, tf_writer_watch *watch, void *arg,
			    struct deja_error *err);
/* Ends the current frame, so that all complete events reach the file. */
int tf_writer_flush(tf_writer *w, struct deja_error *err);
/* Events and uncompressed bytes so far, and the decoder state after them. */
uint64_t tf_writer_event_count(const tf_writer *w);
uint64_t tf_writer_byte_len(const tf_writer *w);
const struct tf_state *tf_writer_state(const tf_writer *w);
/* Bytes given to tf_writer_append so far, and those of them that are in whole frames in the file.
 * Of a stream gone on with: its events' bytes in earlier frames count as given. */
uint64_t tf_writer_taken_len(const tf_writer *w);
uint64_t tf_writer_framed_len(const tf_writer *w);
/* Bytes in the file so far. */
uint64_t tf_writer_disk_len(const tf_writer *w);
/* Drops an incomplete event at the end and appends an END event: the stream stops here though
 * its process goes on. reason: one line, cut after 200 bytes. 0 or -1. */
int tf_writer_stop(tf_writer *w, const char *reason, struct deja_error *err);
/* Ends the last frame, drops an incomplete event at the end, writes the seek table,
 * closes and frees. 0 or -1. */
int tf_writer_close(tf_writer *w, struct deja_error *err);

/* --- reader --- */
typedef struct tf_reader tf_reader;

/* Opens a stream file, also one that is still being written: what lies there at this
 * moment is read. Every number in it is checked before use, and the seek table against
 * the frames. NULL with *err. */
tf_reader *tf_reader_open(const char *path, struct deja_error *err);
/* The same of a sealed one; seal NULL: it is not. `seal` lives as long as the reader. */
tf_reader *tf_reader_open_sealed(const char *path, const struct tf_seal *seal, uint64_t nonce,
				 struct deja_error *err);
void tf_reader_close(tf_reader *r);
/* Where pieces are looked up; it outlives the reader. Without, the reader has its own. */
void tf_reader_set_pieces(tf_reader *r, tf_pieces *pieces);
/* Frames, known from the seek table or, when that is missing or wrong, by walking the
 * frames. */
size_t tf_reader_frame_count(const tf_reader *r);
/* Uncompressed bytes of frame `index`, 0 if there is none. */
uint32_t tf_reader_frame_len(const tf_reader *r, size_t index);
/* How the frames end: DEJA_OK at a good seek table, DEJA_E_TRUNCATED when the file just
 * ends, DEJA_E_STREAM when something else follows them or the seek table is wrong. */
enum deja_errno tf_reader_ending(const tf_reader *r);
uint64_t tf_reader_byte_len(const tf_reader *r); /* uncompressed, all frames */
/* Bytes of frame `index` in the file, 0 if there is none; of its pieces frame, which comes before
 * it; and what its zstd frame holds. */
uint32_t tf_reader_frame_disk_len(const tf_reader *r, size_t index);
uint32_t tf_reader_pieces_len(const tf_reader *r, size_t index);
uint32_t tf_reader_stored_len(const tf_reader *r, size_t index);
/* Decompresses frame `index`. *bytes belongs to the reader until its next call. A frame's
 * declared size is bounded before anything is allocated. 0 or -1 with *err. */
int tf_reader_frame(tf_reader *r, size_t index, struct deja_bytes *bytes,
		    struct deja_error *err);
/* The same to where there is room for tf_reader_frame_len() bytes. */
int tf_reader_frame_to(tf_reader *r, size_t index, uint8_t *to, struct deja_error *err);
/* The state that frame `index` begins with, without decompressing more than its first
 * block. Leaves the bytes of tf_reader_frame alone. 0 or -1 with *err. */
int tf_reader_sync(tf_reader *r, size_t index, struct tf_state *st,
		   struct deja_error *err);

#endif
