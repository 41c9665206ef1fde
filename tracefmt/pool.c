/*
 * The writer's part of pieces (pieces.h): which byte strings are in the recording already, and
 * what of the frame in the making is to become a reference. Called for every long event that the
 * supervisor writes; uses malloc, and does without where there is no memory.
 */
#define XXH_INLINE_ALL
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "pieces.h"
#include "seektable.h"
#include "settle.h"

enum {
	SET_BITS = 15,
	WAY_COUNT = 4, /* entries of a set; all together 5 MiB */
};

struct entry {
	struct tf_piece_key key;
	struct tf_piece piece; /* len 0: free */
};

#define ENTRIES_LEN (((size_t)WAY_COUNT << SET_BITS) * sizeof(struct entry))

struct tf_pool {
	uint64_t seed; /* so that nobody can prepare two byte strings of one key */
	uint32_t next; /* the way that gives room next */
	struct entry *entry;
};

struct tf_mark {
	uint32_t at, len; /* of the byte string with its header, in the full frame */
	struct tf_piece piece;
};

struct tf_fresh {
	struct tf_piece_key key;
	uint32_t offset, len, check; /* offset: in the stored frame */
};

tf_pool *tf_pool_new(void)
{
	tf_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->entry = calloc(1, ENTRIES_LEN);
	if (!pool->entry ||
	    getrandom(&pool->seed, sizeof(pool->seed), GRND_NONBLOCK) != sizeof(pool->seed)) {
		tf_pool_free(pool);
		return NULL;
	}
	return pool;
}

void tf_pool_free(tf_pool *pool)
{
	if (!pool)
		return;
	free(pool->entry);
	free(pool);
}

void tf_pool_settle(tf_pool *pool)
{
	tf_settle(pool->entry, ENTRIES_LEN);
}

struct tf_piece_key tf_pool_key(const tf_pool *pool, const uint8_t *bytes, size_t len)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(bytes, len, pool->seed);

	return (struct tf_piece_key){h.low64, h.high64};
}

static struct entry *set_of(const tf_pool *pool, struct tf_piece_key key)
{
	return pool->entry + (key.low & ((1u << SET_BITS) - 1)) * WAY_COUNT;
}

bool tf_pool_find(const tf_pool *pool, struct tf_piece_key key, struct tf_piece *piece)
{
	const struct entry *set = set_of(pool, key);

	for (unsigned i = 0; i < WAY_COUNT; i++)
		if (set[i].piece.len && set[i].key.low == key.low && set[i].key.high == key.high) {
			*piece = set[i].piece;
			return true;
		}
	return false;
}

void tf_pool_add(tf_pool *pool, struct tf_piece_key key, const struct tf_piece *piece)
{
	struct entry *set = set_of(pool, key), *to = NULL;
	struct tf_piece known;

	if (tf_pool_find(pool, key, &known))
		return;
	for (unsigned i = 0; !to && i < WAY_COUNT; i++)
		if (!set[i].piece.len)
			to = &set[i];
	if (!to)
		to = &set[pool->next++ % WAY_COUNT];
	to->key = key;
	to->piece = *piece;
}

static uint32_t check_of(const uint8_t *bytes, size_t len)
{
	return (uint32_t)XXH64(bytes, len, 0);
}

static uint8_t *put_reference(uint8_t *p, const struct tf_piece *piece)
{
	p = tf_put_array(p, 5);
	p = tf_put_uint(p, piece->stream);
	p = tf_put_uint(p, piece->frame);
	p = tf_put_uint(p, piece->offset);
	p = tf_put_uint(p, piece->len);
	return tf_put_uint(p, piece->check);
}

/* One more, of `size` bytes; NULL where there is no memory. */
static void *grow(void *list, size_t count, size_t *cap, size_t size)
{
	void *grown;

	if (count < *cap)
		return list;
	grown = realloc(list, (*cap ? 2 * *cap : 32) * size);
	if (grown)
		*cap = *cap ? 2 * *cap : 32;
	return grown;
}

/* In the frame itself. */
static bool find_here(const struct tf_gathered *g, struct tf_piece_key key, uint32_t len,
		      struct tf_piece *piece)
{
	for (size_t i = 0; i < g->fresh_count; i++) {
		const struct tf_fresh *f = &g->fresh[i];

		if (f->key.low == key.low && f->key.high == key.high && f->len == len) {
			*piece = (struct tf_piece){g->stream, g->frame, f->offset, len, f->check};
			return true;
		}
	}
	return false;
}

/* The byte string at `at` of the frame, whose bytes begin head_len further. */
static void gather(struct tf_gathered *g, const tf_pool *pool, const uint8_t *frame, size_t at,
		   size_t head_len, uint32_t len)
{
	const uint8_t *bytes = frame + at + head_len;
	struct tf_piece_key key = tf_pool_key(pool, bytes, len);
	uint8_t reference[TF_PIECE_REF_MAX];
	struct tf_piece piece;
	void *grown;

	if (find_here(g, key, len, &piece) ||
	    (tf_pool_find(pool, key, &piece) && piece.len == len)) {
		grown = grow(g->mark, g->mark_count, &g->mark_cap, sizeof(*g->mark));
		if (!grown)
			return;
		g->mark = grown;
		g->mark[g->mark_count++] =
			(struct tf_mark){(uint32_t)at, (uint32_t)(head_len + len), piece};
		g->saved += (uint32_t)(head_len + len -
				       (size_t)(put_reference(reference, &piece) - reference));
		return;
	}
	grown = grow(g->fresh, g->fresh_count, &g->fresh_cap, sizeof(*g->fresh));
	if (!grown)
		return;
	g->fresh = grown;
	g->fresh[g->fresh_count++] =
		(struct tf_fresh){key, (uint32_t)(at + head_len) - g->saved, len,
				  check_of(bytes, len)};
}

void tf_gather(struct tf_gathered *g, const tf_pool *pool, const uint8_t *frame, size_t at,
	       size_t len)
{
	struct tf_in in = {frame + at, frame + at + len, 0};

	if (at + len > TF_PIECES_FULL_MAX)
		return;
	while (in.p < in.end && !in.bad) {
		const uint8_t *start = in.p;
		uint8_t t = tf_peek(&in);
		uint32_t n;

		if ((t & 0xf0) == 0x90 || t == 0xdc || t == 0xdd) {
			tf_get_array(&in);
			continue;
		}
		if (t != 0xc5 && t != 0xc6) { /* a shorter one has a shorter header */
			tf_skip(&in);
			continue;
		}
		tf_get_bytes(&in, &n);
		/* the reader knows one header for each length, the shortest */
		if (!in.bad && n >= TF_PIECE_MIN && n <= TF_PIECE_MAX &&
		    (t == 0xc5) == (n < 0x10000))
			gather(g, pool, frame, (size_t)(start - frame), t == 0xc5 ? 3 : 5, n);
	}
}

size_t tf_gathered_stored_len(const struct tf_gathered *g, size_t len)
{
	return len - g->saved;
}

size_t tf_gathered_head_max(const struct tf_gathered *g)
{
	return TF_PIECES_HEAD_LEN + g->mark_count * TF_PLACE_MAX;
}

static uint8_t *put_place(uint8_t *p, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

size_t tf_gathered_store(const struct tf_gathered *g, const uint8_t *frame, size_t len,
			 uint8_t *stored, uint8_t *head)
{
	uint8_t *to = stored, *h = head + TF_PIECES_HEAD_LEN;
	size_t from = 0;

	for (size_t i = 0; i < g->mark_count; i++) {
		const struct tf_mark *m = &g->mark[i];

		h = put_place(h, m->at - (uint32_t)from);
		memcpy(to, frame + from, m->at - from);
		to = put_reference(to + (m->at - from), &m->piece);
		from = m->at + m->len;
	}
	memcpy(to, frame + from, len - from);
	tf_put_le32(head, TF_PIECES_MAGIC);
	tf_put_le32(head + 4, (uint32_t)(h - head) - 8);
	tf_put_le32(head + 8, (uint32_t)len);
	return (size_t)(h - head);
}

void tf_gathered_publish(struct tf_gathered *g, tf_pool *pool)
{
	for (size_t i = 0; i < g->fresh_count; i++) {
		const struct tf_fresh *f = &g->fresh[i];
		struct tf_piece piece = {g->stream, g->frame, f->offset, f->len, f->check};

		tf_pool_add(pool, f->key, &piece);
	}
	g->mark_count = g->fresh_count = 0;
	g->saved = 0;
	g->frame++;
}

void tf_gathered_free(struct tf_gathered *g)
{
	free(g->mark);
	free(g->fresh);
	*g = (struct tf_gathered){0};
}
