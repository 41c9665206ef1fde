/*
 * The reader of process streams: frames by number (FORMAT.md 3). Called by libdeja.
 * malloc, pread; one open file per reader.
 *
 * Nothing in the file is believed. The seek table is used only when it accounts for the
 * file to the byte, and each frame must then be what its entry says. The file is read
 * by pread, not mapped: one that shrinks meanwhile gives an error, not a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "error.h"
#include "pieces.h"
#include "seektable.h"
#include "stream.h"

enum {
	FRAME_HEAD_MAX = 18,	/* bytes of a zstd frame header, at most */
	BLOCK_MAX = 1 << 17,	/* bytes a zstd block holds, at most */
	BLOCK_MIN_LEN = 4,	/* bytes a block takes, at least: header and one byte */
	PREFIX_PIECE = 1 << 14, /* bytes read at a time for a frame's beginning */
};

struct frame {
	uint64_t at; /* of the zstd frame in the file; its pieces frame ends there */
	uint32_t compressed_len, stored_len;
	uint32_t len;	     /* with its pieces in place */
	uint32_t pieces_len; /* of the pieces frame, 0: none */
};

struct tf_reader {
	int fd;
	uint64_t size;
	char *path;
	ZSTD_DCtx *dctx;
	struct frame *frames;
	size_t frame_count, frame_cap;
	uint64_t byte_len;
	enum deja_errno end;
	uint8_t *in, *stored, *out;
	size_t in_cap, stored_cap, out_cap;
	tf_pieces *pieces, *own_pieces; /* NULL: not needed yet */
	uint32_t stream; /* by its name; 0: it has another */
	const struct tf_seal *seal; /* or NULL */
	uint64_t nonce;
};

static int read_at(tf_reader *r, uint64_t at, void *buf, size_t len)
{
	uint8_t *p = buf;
	const uint64_t from = at;

	while (len) {
		ssize_t n = pread(r->fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0) {
			errno = EIO; /* it shrank */
			return -1;
		}
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	if (r->seal)
		r->seal->apply(r->seal->arg, r->nonce, from, buf, (size_t)(at - from));
	return 0;
}

/* full_len: with the pieces in place, when there is a pieces frame. */
static int add_frame(tf_reader *r, uint64_t at, uint64_t compressed_len, uint64_t stored_len,
		     uint64_t pieces_len, uint64_t full_len)
{
	uint64_t len = pieces_len ? full_len : stored_len;

	if (r->frame_count == r->frame_cap) {
		size_t cap = r->frame_cap ? 2 * r->frame_cap : 64;
		struct frame *frames = realloc(r->frames, cap * sizeof(*frames));

		if (!frames)
			return -1;
		r->frames = frames;
		r->frame_cap = cap;
	}
	r->frames[r->frame_count++] = (struct frame){
	    .at = at,
	    .compressed_len = (uint32_t)compressed_len,
	    .stored_len = (uint32_t)stored_len,
	    .len = (uint32_t)len,
	    .pieces_len = (uint32_t)pieces_len,
	};
	r->byte_len += len;
	return 0;
}

/* No frame of this compressed length can hold more. */
static int plausible(uint64_t compressed_len, uint64_t len)
{
	return len <= (compressed_len / BLOCK_MIN_LEN + 1) * BLOCK_MAX;
}

/* A pieces frame's length and what it says of the frame behind it. `left`: bytes of the file from
 * there on. False: it is none. */
static bool pieces_head(const uint8_t *p, uint64_t left, uint64_t *pieces_len, uint64_t *full_len)
{
	if (left < TF_PIECES_HEAD_LEN || tf_get_le32(p) != TF_PIECES_MAGIC)
		return false;
	*pieces_len = 8 + (uint64_t)tf_get_le32(p + 4);
	*full_len = tf_get_le32(p + 8);
	return *pieces_len > TF_PIECES_HEAD_LEN && *pieces_len <= left &&
	       *full_len <= TF_PIECES_FULL_MAX;
}

/* What a frame's header says. 0, or -1 when this is not the beginning of a frame that
 * format 1 allows: zstd, with content size and checksum, without dictionary. */
static int frame_head(const uint8_t *p, size_t len, size_t *head_len, uint64_t *content)
{
	static const uint8_t content_len[4] = {0, 2, 4, 8};
	unsigned flags, single;

	if (len < 6 || tf_get_le32(p) != ZSTD_MAGICNUMBER)
		return -1;
	flags = p[4];
	single = flags >> 5 & 1;
	if ((flags & 0x08) || (flags & 0x03) || !(flags & 0x04))
		return -1;
	*head_len = 5 + !single + content_len[flags >> 6] + (single && flags >> 6 == 0);
	if (*head_len > len)
		return -1;
	*content = ZSTD_getFrameContentSize(p, len);
	return *content <= UINT32_MAX ? 0 : -1;
}

/*
 * Walks the frames from the beginning, by their block headers alone. Sets r->end. -1
 * only when memory or the disk fails.
 */
static int walk_frames(tf_reader *r)
{
	uint64_t at = 0, pieces_len = 0, full_len = 0;

	r->frame_count = 0;
	r->byte_len = 0;
	r->end = DEJA_E_TRUNCATED;
	while (at < r->size) {
		uint8_t head[FRAME_HEAD_MAX];
		uint64_t left = r->size - at, pos, content;
		size_t n = left < sizeof(head) ? (size_t)left : sizeof(head), head_len;
		int last = 0;

		if (read_at(r, at, head, n) < 0)
			return -1;
		if (n >= 4 && tf_get_le32(head) == TF_SEEK_SKIPPABLE_MAGIC) {
			/* A seek table, cut short or not good. */
			if (n >= 8 && tf_get_le32(head + 4) <= left - TF_SEEK_HEAD_LEN)
				r->end = DEJA_E_STREAM;
			return 0;
		}
		if (!pieces_len && n >= 4 && tf_get_le32(head) == TF_PIECES_MAGIC) {
			if (!pieces_head(head, left, &pieces_len, &full_len)) {
				if (n >= 8 && 8 + (uint64_t)tf_get_le32(head + 4) <= left)
					r->end = DEJA_E_STREAM;
				return 0;
			}
			at += pieces_len;
			continue;
		}
		if (frame_head(head, n, &head_len, &content) < 0) {
			if (n == sizeof(head) ||
			    (n >= 4 && tf_get_le32(head) != ZSTD_MAGICNUMBER))
				r->end = DEJA_E_STREAM;
			return 0;
		}
		pos = at + head_len;
		while (!last) {
			uint8_t block[3];
			uint32_t v, type, len;

			if (r->size - pos < sizeof(block))
				return 0;
			if (read_at(r, pos, block, sizeof(block)) < 0)
				return -1;
			v = block[0] | (uint32_t)block[1] << 8 |
			    (uint32_t)block[2] << 16;
			last = v & 1;
			type = v >> 1 & 3;
			len = type == 1 ? 1 : v >> 3; /* RLE: one byte, repeated */
			if (type == 3 || v >> 3 > BLOCK_MAX) {
				r->end = DEJA_E_STREAM;
				return 0;
			}
			if (r->size - pos < sizeof(block) + len)
				return 0;
			pos += sizeof(block) + len;
		}
		if (r->size - pos < 4) /* the checksum */
			return 0;
		pos += 4;
		if (pos - at > UINT32_MAX || !plausible(pos - at, content)) {
			r->end = DEJA_E_STREAM;
			return 0;
		}
		if (pieces_len && full_len < content) {
			r->end = DEJA_E_STREAM;
			return 0;
		}
		if (add_frame(r, at, pos - at, content, pieces_len, full_len) < 0)
			return -1;
		at = pos;
		pieces_len = 0;
	}
	return 0;
}

/* 1: the table is there and accounts for the whole file; 0: it does not; -1: memory or
 * the disk failed. */
static int read_seek_table(tf_reader *r)
{
	uint8_t footer[TF_SEEK_FOOTER_LEN], head[TF_PIECES_HEAD_LEN], *table;
	uint64_t table_len, at = 0, pieces_len = 0, full_len = 0;
	uint32_t count, i;
	size_t entry_len;
	int good = 0;

	if (r->size < TF_SEEK_HEAD_LEN + TF_SEEK_FOOTER_LEN)
		return 0;
	if (read_at(r, r->size - sizeof(footer), footer, sizeof(footer)) < 0)
		return -1;
	count = tf_get_le32(footer);
	if (tf_get_le32(footer + 5) != TF_SEEK_MAGIC ||
	    (footer[4] & TF_SEEK_RESERVED) || count > TF_SEEK_FRAME_MAX)
		return 0;
	entry_len = TF_SEEK_ENTRY_LEN +
		    (footer[4] & TF_SEEK_HAS_CHECKSUM ? TF_SEEK_CHECKSUM_LEN : 0);
	table_len = TF_SEEK_HEAD_LEN + (uint64_t)count * entry_len + TF_SEEK_FOOTER_LEN;
	if (table_len > r->size)
		return 0;
	table = malloc(table_len);
	if (!table)
		return -1;
	if (read_at(r, r->size - table_len, table, table_len) < 0) {
		free(table);
		return -1;
	}
	if (tf_get_le32(table) != TF_SEEK_SKIPPABLE_MAGIC ||
	    tf_get_le32(table + 4) != table_len - TF_SEEK_HEAD_LEN)
		goto out;
	for (i = 0; i < count; i++) {
		const uint8_t *entry = table + TF_SEEK_HEAD_LEN + i * entry_len;
		uint32_t compressed_len = tf_get_le32(entry);
		uint32_t len = tf_get_le32(entry + 4);

		if (compressed_len > r->size - table_len - at ||
		    !plausible(compressed_len, len))
			goto out;
		if (!len && !pieces_len && compressed_len >= sizeof(head)) {
			if (read_at(r, at, head, sizeof(head)) < 0) {
				good = -1;
				goto out;
			}
			if (!pieces_head(head, r->size - at, &pieces_len, &full_len) ||
			    pieces_len != compressed_len)
				goto out;
			at += compressed_len;
			continue;
		}
		if (pieces_len && full_len < len)
			goto out;
		if (add_frame(r, at, compressed_len, len, pieces_len, full_len) < 0) {
			good = -1;
			goto out;
		}
		pieces_len = 0;
		at += compressed_len;
	}
	good = at == r->size - table_len && !pieces_len;
	r->end = DEJA_OK;
out:
	free(table);
	return good;
}

tf_reader *tf_reader_open(const char *path, struct deja_error *err)
{
	return tf_reader_open_sealed(path, NULL, 0, err);
}

tf_reader *tf_reader_open_sealed(const char *path, const struct tf_seal *seal, uint64_t nonce,
				 struct deja_error *err)
{
	tf_reader *r = calloc(1, sizeof(*r));
	struct stat st;
	int rc;

	if (!r) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	r->seal = seal;
	r->nonce = nonce;
	r->path = strdup(path);
	r->dctx = ZSTD_createDCtx();
	/* O_NONBLOCK: a FIFO of that name must not make us wait. */
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (!r->path || !r->dctx) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		goto fail;
	}
	if (r->fd < 0 || fstat(r->fd, &st) < 0) {
		tf_fail_errno(err, "cannot read %s", path);
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		tf_fail(err, DEJA_E_STREAM, "%s: not a file", path);
		goto fail;
	}
	r->size = (uint64_t)st.st_size;
	rc = read_seek_table(r);
	if (rc == 0)
		rc = walk_frames(r);
	if (rc < 0) {
		tf_fail_errno(err, "cannot read %s", path);
		goto fail;
	}
	return r;
fail:
	tf_reader_close(r);
	return NULL;
}

void tf_reader_close(tf_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	ZSTD_freeDCtx(r->dctx);
	free(r->path);
	free(r->frames);
	free(r->in);
	free(r->stored);
	free(r->out);
	tf_pieces_close(r->own_pieces);
	free(r);
}

void tf_reader_set_pieces(tf_reader *r, tf_pieces *pieces)
{
	r->pieces = pieces;
}

size_t tf_reader_frame_count(const tf_reader *r)
{
	return r->frame_count;
}

uint32_t tf_reader_frame_len(const tf_reader *r, size_t index)
{
	return index < r->frame_count ? r->frames[index].len : 0;
}

uint32_t tf_reader_frame_disk_len(const tf_reader *r, size_t index)
{
	return index < r->frame_count ? r->frames[index].compressed_len + r->frames[index].pieces_len
				      : 0;
}

uint32_t tf_reader_pieces_len(const tf_reader *r, size_t index)
{
	return index < r->frame_count ? r->frames[index].pieces_len : 0;
}

uint32_t tf_reader_stored_len(const tf_reader *r, size_t index)
{
	return index < r->frame_count ? r->frames[index].stored_len : 0;
}

enum deja_errno tf_reader_ending(const tf_reader *r)
{
	return r->end;
}

uint64_t tf_reader_byte_len(const tf_reader *r)
{
	return r->byte_len;
}

static int damaged(const tf_reader *r, size_t index, struct deja_error *err)
{
	return tf_fail(err, DEJA_E_STREAM, "%s: frame %zu is damaged", r->path, index);
}

/* Room for len bytes. The old content is not kept; a buffer much too large is given
 * back, as one huge event should not occupy memory for the rest of a reading. */
static int make_room(uint8_t **buf, size_t *cap, size_t len)
{
	if (*buf && *cap >= len &&
	    (*cap <= 4 * (size_t)TF_FRAME_LEN || *cap / 4 <= len))
		return 0;
	free(*buf);
	*cap = 0;
	*buf = malloc(len ? len : 1);
	if (!*buf)
		return -1;
	*cap = len;
	return 0;
}

/* Checks that the frame is what its entry says, from the first bytes of it. */
static int check_head(const struct frame *f, const uint8_t *bytes, size_t len)
{
	uint64_t content;
	size_t head_len;

	return frame_head(bytes, len, &head_len, &content) < 0 || content != f->stored_len ? -1 : 0;
}

/* Decompresses a frame, which has its place in r->frames, to where it has room. */
static int decompress(tf_reader *r, size_t index, uint8_t *out, struct deja_error *err)
{
	const struct frame *f = &r->frames[index];
	size_t n;

	if (make_room(&r->in, &r->in_cap, f->compressed_len) < 0)
		return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	if (read_at(r, f->at, r->in, f->compressed_len) < 0)
		return tf_fail_errno(err, "cannot read %s", r->path);
	if (check_head(f, r->in, f->compressed_len) < 0 ||
	    ZSTD_findFrameCompressedSize(r->in, f->compressed_len) != f->compressed_len)
		return damaged(r, index, err);
	ZSTD_DCtx_reset(r->dctx, ZSTD_reset_session_only);
	n = ZSTD_decompressDCtx(r->dctx, out, f->stored_len, r->in, f->compressed_len);
	if (ZSTD_isError(n) || n != f->stored_len)
		return damaged(r, index, err);
	return 0;
}

static int no_room(uint32_t len, struct deja_error *err)
{
	return tf_fail(err, DEJA_E_NO_MEMORY, "no memory for a frame of %u bytes", len);
}

/* To r->stored. */
static int decompress_stored(tf_reader *r, size_t index, struct deja_error *err)
{
	if (make_room(&r->stored, &r->stored_cap, r->frames[index].stored_len) < 0)
		return no_room(r->frames[index].stored_len, err);
	return decompress(r, index, r->stored, err);
}

int tf_reader_stored(tf_reader *r, size_t index, struct deja_bytes *bytes,
		     struct deja_error *err)
{
	if (index >= r->frame_count)
		return tf_fail(err, DEJA_E_RANGE, "%s: no frame %zu", r->path, index);
	if (decompress_stored(r, index, err) < 0)
		return -1;
	bytes->data = r->stored;
	bytes->len = r->frames[index].stored_len;
	return 0;
}

static tf_pieces *pieces_of(tf_reader *r)
{
	const char *slash = strrchr(r->path, '/'), *name = slash ? slash + 1 : r->path;
	char *dir;

	if (sscanf(name, "p%" SCNu32 ".zst", &r->stream) != 1)
		r->stream = 0;
	if (!r->pieces && (dir = slash ? strndup(r->path, (size_t)(slash - r->path)) : strdup("."))) {
		r->pieces = r->own_pieces = tf_pieces_open(*dir ? dir : "/");
		free(dir);
	}
	return r->pieces;
}

/* The frame's stored form is in r->stored: all of it to where it has room. */
static int expand(tf_reader *r, size_t index, uint8_t *out, struct deja_error *err)
{
	const struct frame *f = &r->frames[index];
	tf_pieces *pieces = pieces_of(r);
	struct tf_stored stored;

	if (make_room(&r->in, &r->in_cap, f->pieces_len) < 0 || !pieces)
		return no_room(f->len, err);
	/* the compressed bytes are no longer needed */
	if (read_at(r, f->at - f->pieces_len, r->in, f->pieces_len) < 0)
		return tf_fail_errno(err, "cannot read %s", r->path);
	stored = (struct tf_stored){
	    .stream = r->stream,
	    .frame = (uint32_t)index,
	    .places = r->in + TF_PIECES_HEAD_LEN,
	    .places_len = f->pieces_len - TF_PIECES_HEAD_LEN,
	    .bytes = r->stored,
	    .len = f->stored_len,
	};
	return tf_pieces_expand(pieces, &stored, out, f->len, err);
}

int tf_reader_frame_to(tf_reader *r, size_t index, uint8_t *to, struct deja_error *err)
{
	if (index >= r->frame_count)
		return tf_fail(err, DEJA_E_RANGE, "%s: no frame %zu", r->path, index);
	if (!r->frames[index].pieces_len)
		return decompress(r, index, to, err);
	return decompress_stored(r, index, err) < 0 ? -1 : expand(r, index, to, err);
}

int tf_reader_frame(tf_reader *r, size_t index, struct deja_bytes *bytes,
		    struct deja_error *err)
{
	uint32_t len = tf_reader_frame_len(r, index);

	if (make_room(&r->out, &r->out_cap, len) < 0)
		return no_room(len, err);
	if (tf_reader_frame_to(r, index, r->out, err) < 0)
		return -1;
	bytes->data = r->out;
	bytes->len = len;
	return 0;
}

int tf_reader_sync(tf_reader *r, size_t index, struct tf_state *st,
		   struct deja_error *err)
{
	uint8_t piece[PREFIX_PIECE], sync[TF_SYNC_MAX];
	ZSTD_outBuffer out = {sync, sizeof(sync), 0};
	const struct frame *f;
	uint32_t at = 0;
	long len;

	if (index >= r->frame_count)
		return tf_fail(err, DEJA_E_RANGE, "%s: no frame %zu", r->path, index);
	f = &r->frames[index];
	ZSTD_DCtx_reset(r->dctx, ZSTD_reset_session_only);
	while (at < f->compressed_len && out.pos < out.size) {
		uint32_t left = f->compressed_len - at;
		size_t n = left < sizeof(piece) ? left : sizeof(piece);
		ZSTD_inBuffer in = {piece, n, 0};

		if (read_at(r, f->at + at, piece, n) < 0)
			return tf_fail_errno(err, "cannot read %s", r->path);
		if (at == 0 && check_head(f, piece, n) < 0)
			return damaged(r, index, err);
		while (in.pos < in.size && out.pos < out.size) {
			size_t rc = ZSTD_decompressStream(r->dctx, &out, &in);

			if (ZSTD_isError(rc))
				return damaged(r, index, err);
			if (rc == 0)
				goto decoded; /* the frame is shorter than a SYNC may be
					       */
		}
		at += (uint32_t)n;
	}
decoded:
	tf_state_init(st);
	len = tf_event_len(sync, out.pos);
	/* A SYNC event: an array with the id 1. */
	if (len < 2 || sync[1] != TF_EV_SYNC ||
	    tf_state_apply(st, sync, (size_t)len) < 0)
		return damaged(r, index, err);
	return 0;
}
