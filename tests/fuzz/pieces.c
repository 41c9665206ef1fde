/*
 * A frame with references: the input is a pieces frame's claims and the stored bytes behind it,
 * u8 length of the places, u16 (little-endian) of what the frame is longer in full, the places,
 * then the stored bytes. Beside it lies a stream that has pieces. A reference whose numbers are
 * such gets the right digest first, so that more than a refusal is tried.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zstd.h>

#include "fuzz.h"
#include "tracefmt/pieces.h"
#include "tracefmt/seektable.h"

enum { TEXT_LEN = 5000, FILE_MAX = 1 << 17, STORED_MAX = 1 << 15 };

static struct deja_bytes target;
static uint8_t target_bytes[TEXT_LEN + 1024];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static uint8_t buf[TEXT_LEN + 64];
	struct deja_error err;
	uint8_t *p = tf_put_array(buf, 7);
	char path[320];
	tf_reader *r;
	tf_writer *w;

	snprintf(path, sizeof(path), "%s/p2.zst", fuzz_dir());
	w = tf_writer_open(path, 1, &err);
	for (int i = 0; i < 6; i++)
		p = tf_put_uint(p, i ? 1 : 32);
	p = tf_put_bin(p, TEXT_LEN);
	for (int i = 0; i < TEXT_LEN; i++)
		*p++ = (uint8_t)(i * 7 + i / 256);
	if (!w || tf_writer_append(w, buf, (size_t)(p - buf), &err) < 0 ||
	    tf_writer_close(w, &err) < 0 || !(r = tf_reader_open(path, &err)) ||
	    tf_reader_stored(r, 0, &target, &err) < 0 || target.len > sizeof(target_bytes))
		abort();
	memcpy(target_bytes, target.data, target.len);
	target.data = target_bytes;
	tf_reader_close(r);
	return 0;
}

/* The digest of a reference that could be one. */
static void set_digest(uint8_t *at, uint8_t *end)
{
	struct tf_in in = {at, end, 0};
	int64_t stream, frame, offset, len;

	if (tf_get_array(&in) != 5)
		return;
	stream = tf_get_int(&in);
	frame = tf_get_int(&in);
	offset = tf_get_int(&in);
	len = tf_get_int(&in);
	if (in.bad || stream != 2 || frame || offset < 0 || len < 0 ||
	    offset > (int64_t)target.len || len > (int64_t)target.len - offset || end - in.p < 5)
		return;
	at += in.p - at;
	*at++ = 0xce;
	tf_put_be(at, (uint32_t)XXH64(target.data + offset, (size_t)len, 0), 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t file[FILE_MAX], stored[STORED_MAX];
	struct deja_error err;
	struct deja_bytes bytes;
	volatile uint64_t sum = 0;
	size_t places_len, stored_len, file_len, at = 0, n;
	uint32_t more;
	tf_reader *r;

	if (len < 4)
		return 0;
	places_len = data[0];
	more = data[1] | (uint32_t)data[2] << 8;
	data += 3;
	len -= 3;
	if (places_len > len)
		places_len = len;
	stored_len = len - places_len;
	if (stored_len > sizeof(stored))
		return 0;
	memcpy(stored, data + places_len, stored_len);
	for (size_t i = 0; i < places_len && data[i] < 0x80; i++) {
		at += data[i];
		if (at >= stored_len)
			break;
		set_digest(stored + at, stored + stored_len);
		n = (size_t)tf_event_len(stored + at, stored_len - at);
		if (n > stored_len - at)
			break;
		at += n;
	}
	tf_put_le32(file, TF_PIECES_MAGIC);
	tf_put_le32(file + 4, (uint32_t)places_len + 4);
	tf_put_le32(file + 8, (uint32_t)stored_len + more);
	memcpy(file + TF_PIECES_HEAD_LEN, data, places_len);
	file_len = TF_PIECES_HEAD_LEN + places_len;
	{
		ZSTD_CCtx *c = ZSTD_createCCtx();

		ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
		n = ZSTD_compress2(c, file + file_len, sizeof(file) - file_len, stored, stored_len);
		ZSTD_freeCCtx(c);
	}
	if (ZSTD_isError(n))
		abort();
	r = tf_reader_open(fuzz_file("p1.zst", file, file_len + n), &err);
	if (!r)
		return 0;
	for (size_t i = 0; i < tf_reader_frame_count(r); i++) {
		if (tf_reader_frame(r, i, &bytes, &err) < 0)
			continue;
		if (bytes.len != tf_reader_frame_len(r, i))
			abort();
		for (size_t k = 0; k < bytes.len; k++)
			sum += bytes.data[k];
	}
	(void)sum;
	tf_reader_close(r);
	return 0;
}
