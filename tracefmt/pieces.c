/*
 * The reader's part of pieces (pieces.h): finds what references name, in frames of this stream or
 * another of the same recording, and keeps the last of those frames. Nothing is believed: a piece
 * must lie within its frame and have the digest that the reference states.
 */
#define XXH_INLINE_ALL
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "error.h"
#include "pieces.h"

enum {
	SOURCE_COUNT = 16, /* streams open at once */
	KEPT_COUNT = 64,   /* frames */
	KEPT_LEN = 1 << 24, /* bytes of them, but for one that is longer */
};

struct piece_source {
	uint32_t stream; /* 0: free */
	tf_reader *reader;
	uint64_t used;
};

struct kept_frame {
	uint32_t stream, frame; /* stream 0: free */
	uint8_t *bytes;
	size_t len;
	uint64_t used;
};

struct tf_pieces {
	char *dir;
	struct piece_source source[SOURCE_COUNT];
	struct kept_frame kept[KEPT_COUNT];
	size_t kept_len;
	unsigned last; /* of kept */
	uint64_t clock;
};

tf_pieces *tf_pieces_open(const char *dir)
{
	tf_pieces *p = calloc(1, sizeof(*p));

	if (p && !(p->dir = strdup(dir))) {
		free(p);
		p = NULL;
	}
	return p;
}

void tf_pieces_close(tf_pieces *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < SOURCE_COUNT; i++)
		tf_reader_close(p->source[i].reader);
	for (unsigned i = 0; i < KEPT_COUNT; i++)
		free(p->kept[i].bytes);
	free(p->dir);
	free(p);
}

/* Opens a stream's file, in place of the one not used for longest. `frame` must be there: a
 * recording that is still being written grows. */
static tf_reader *open_source(tf_pieces *p, uint32_t stream, uint32_t frame, struct deja_error *err)
{
	struct piece_source *s = &p->source[0];
	char *path;

	for (unsigned i = 0; i < SOURCE_COUNT; i++) {
		if (p->source[i].stream == stream) {
			s = &p->source[i];
			break;
		}
		if (p->source[i].used < s->used)
			s = &p->source[i];
	}
	if (s->stream != stream || frame >= tf_reader_frame_count(s->reader)) {
		tf_reader_close(s->reader);
		*s = (struct piece_source){0};
		if (asprintf(&path, "%s/p%u.zst", p->dir, stream) < 0) {
			tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
			return NULL;
		}
		s->reader = tf_reader_open(path, err);
		free(path);
		if (!s->reader)
			return NULL;
		s->stream = stream;
	}
	s->used = ++p->clock;
	return s->reader;
}

static void let_go(tf_pieces *p, struct kept_frame *k)
{
	p->kept_len -= k->len;
	free(k->bytes);
	*k = (struct kept_frame){0};
}

/* A free entry, and room for so many bytes. */
static struct kept_frame *make_place(tf_pieces *p, size_t len)
{
	for (;;) {
		struct kept_frame *oldest = NULL, *unused = NULL;

		for (unsigned i = 0; i < KEPT_COUNT; i++) {
			struct kept_frame *k = &p->kept[i];

			if (!k->stream)
				unused = k;
			else if (!oldest || k->used < oldest->used)
				oldest = k;
		}
		if (unused && (!oldest || p->kept_len + len <= KEPT_LEN))
			return unused;
		let_go(p, oldest);
	}
}

static const struct kept_frame *find_frame(tf_pieces *p, uint32_t stream, uint32_t frame,
					   struct deja_error *err)
{
	struct kept_frame *k = &p->kept[p->last];
	struct deja_bytes bytes;
	tf_reader *reader;

	for (unsigned i = 0; k->stream != stream || k->frame != frame; i++) {
		if (i == KEPT_COUNT) {
			k = NULL;
			break;
		}
		k = &p->kept[i];
	}
	if (!k) {
		reader = open_source(p, stream, frame, err);
		if (!reader || tf_reader_stored(reader, frame, &bytes, err) < 0)
			return NULL;
		k = make_place(p, bytes.len);
		k->bytes = malloc(bytes.len ? bytes.len : 1);
		if (!k->bytes) {
			tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
			return NULL;
		}
		memcpy(k->bytes, bytes.data, bytes.len);
		k->len = bytes.len;
		k->stream = stream;
		k->frame = frame;
		p->kept_len += k->len;
	}
	p->last = (unsigned)(k - p->kept);
	k->used = ++p->clock;
	return k;
}

static bool get_u32(struct tf_in *in, uint32_t *v)
{
	int64_t n = tf_get_int(in);

	*v = (uint32_t)n;
	return !in->bad && n >= 0 && n <= UINT32_MAX;
}

static int bad_piece(const tf_pieces *p, struct deja_error *err, const char *what)
{
	return tf_fail(err, DEJA_E_STREAM, "%s: a frame refers to bytes elsewhere: %s", p->dir, what);
}

/* The next place, or -1. */
static int64_t get_place(const uint8_t **at, const uint8_t *end)
{
	int64_t v = 0;

	for (unsigned shift = 0; *at < end && shift < 7 * TF_PLACE_MAX; shift += 7) {
		uint8_t b = *(*at)++;

		v |= (int64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	return -1;
}

/* What a reference names, in this frame or another; NULL with *err. */
static const uint8_t *find_piece(tf_pieces *p, const struct tf_stored *s, const struct tf_piece *piece,
				 struct deja_error *err)
{
	const struct kept_frame here = {.bytes = (uint8_t *)s->bytes, .len = s->len}, *k = &here;

	if (piece->stream != s->stream || piece->frame != s->frame)
		k = find_frame(p, piece->stream, piece->frame, err);
	if (!k)
		return NULL;
	if (piece->offset > k->len || piece->len > k->len - piece->offset ||
	    (uint32_t)XXH64(k->bytes + piece->offset, piece->len, 0) != piece->check) {
		bad_piece(p, err, "they are not there");
		return NULL;
	}
	return k->bytes + piece->offset;
}

int tf_pieces_expand(tf_pieces *p, const struct tf_stored *s, uint8_t *full, size_t full_len,
		     struct deja_error *err)
{
	const uint8_t *places = s->places, *end = places + s->places_len;
	const uint8_t *stored = s->bytes, *stored_end = stored + s->len, *bytes;
	uint8_t *to = full, *to_end = full + full_len;

	while (places < end) {
		int64_t before = get_place(&places, end);
		struct tf_in in = {NULL, stored_end, 0};
		struct tf_piece piece;
		bool good;

		if (before < 0 || before > stored_end - stored || before > to_end - to)
			return bad_piece(p, err, "its list of places is damaged");
		memcpy(to, stored, (size_t)before);
		to += before;
		in.p = stored + before;
		good = tf_get_array(&in) == 5;
		good = get_u32(&in, &piece.stream) && good;
		good = get_u32(&in, &piece.frame) && good;
		good = get_u32(&in, &piece.offset) && good;
		good = get_u32(&in, &piece.len) && good;
		good = get_u32(&in, &piece.check) && good;
		if (!good || !piece.stream || piece.len < TF_PIECE_MIN ||
		    (size_t)(to_end - to) < piece.len + (piece.len < 0x10000 ? 3u : 5u))
			return bad_piece(p, err, "a reference is damaged");
		stored = in.p;
		bytes = find_piece(p, s, &piece, err);
		if (!bytes)
			return -1;
		to = tf_put_bin(to, piece.len);
		memcpy(to, bytes, piece.len);
		to += piece.len;
	}
	if (stored_end - stored != to_end - to)
		return bad_piece(p, err, "its length is not as stated");
	memcpy(to, stored, (size_t)(to_end - to));
	return 0;
}
