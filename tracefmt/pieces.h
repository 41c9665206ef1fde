/*
 * Pieces: byte strings that a recording holds once. Where an event has bytes that a frame written
 * before has as well (the same header read by a hundred compilers), its own frame has a reference
 * instead (FORMAT.md 3.5). The writer finds them by way of a pool that all streams of a recording
 * share; the reader puts them back, so that nobody above it knows. Uses malloc; one thread.
 */
#ifndef DEJA_TRACEFMT_PIECES_H
#define DEJA_TRACEFMT_PIECES_H

#include "deja.h"
#include "stream.h"

#define TF_PIECES_MAGIC 0x184D2A5Du

enum {
	TF_PIECE_MIN = 1024,	   /* shorter byte strings are no pieces */
	TF_PIECE_MAX = 1 << 22,
	TF_PIECE_REF_MAX = 1 + 5 * 5, /* an array of five uint32 */
	TF_PIECES_FULL_MAX = 1 << 24, /* bytes of a frame that has references, all in place */
	TF_PIECES_HEAD_LEN = 12, /* magic, length of what follows, full length */
	TF_PLACE_MAX = 5,	 /* bytes of one place */
};

/* Where a piece is, and the low half of its XXH64. */
struct tf_piece {
	uint32_t stream, frame, offset, len, check;
};

/* --- for the writer --- */
struct tf_piece_key {
	uint64_t low, high;
};
/* The key of a byte string: 128 bits of a hash that is seeded anew in every pool. */
struct tf_piece_key tf_pool_key(const tf_pool *pool, const uint8_t *bytes, size_t len);
/* Where one with this key is; false: nowhere that is known. */
bool tf_pool_find(const tf_pool *pool, struct tf_piece_key key, struct tf_piece *piece);
/* May push another out. */
void tf_pool_add(tf_pool *pool, struct tf_piece_key key, const struct tf_piece *piece);

/* What the frame in the making refers to, and what it has that may be referred to. Zero to begin
 * with. */
struct tf_gathered {
	uint32_t stream, frame; /* it will be this one */
	struct tf_mark *mark;
	struct tf_fresh *fresh;
	size_t mark_count, mark_cap, fresh_count, fresh_cap;
	uint32_t saved; /* bytes */
};
/* Looks at an event, which begins `at` bytes behind the frame's beginning. */
void tf_gather(struct tf_gathered *g, const tf_pool *pool, const uint8_t *frame, size_t at,
	       size_t len);
/* Room for the stored form of a frame of len bytes, and for its pieces frame. */
size_t tf_gathered_stored_len(const struct tf_gathered *g, size_t len);
size_t tf_gathered_head_max(const struct tf_gathered *g);
/* Writes both; returns the length of the pieces frame. */
size_t tf_gathered_store(const struct tf_gathered *g, const uint8_t *frame, size_t len,
			 uint8_t *stored, uint8_t *head);
/* The frame is in the file: other streams can have its pieces. On to the next. */
void tf_gathered_publish(struct tf_gathered *g, tf_pool *pool);
void tf_gathered_free(struct tf_gathered *g);

/* --- for the reader --- */
/* A frame without its pieces: what follows the full length in its pieces frame, and its stored form. */
struct tf_stored {
	uint32_t stream, frame; /* stream 0: not known */
	const uint8_t *places, *bytes;
	size_t places_len, len;
};
/* Puts the pieces in. 0, or -1 with *err. */
int tf_pieces_expand(tf_pieces *p, const struct tf_stored *stored, uint8_t *full, size_t full_len,
		     struct deja_error *err);
/* As tf_reader_frame, with the references as they are. */
int tf_reader_stored(tf_reader *r, size_t index, struct deja_bytes *bytes,
		     struct deja_error *err);

#endif
