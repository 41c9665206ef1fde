/*
 * A seek table behind good frames: the input is the table (up to 2 KiB) behind as many frames
 * as its first byte says. Whatever the table claims, frames are what they are.
 */
#include "fuzz.h"
#include "tracefmt/stream.h"
#include "tracefmt/wire.h"

enum { FRAME_MAX = 4, TABLE_MAX = 2048 };

static uint8_t frames[FRAME_MAX + 1][4096];
static size_t frames_len[FRAME_MAX + 1];

/* Without its seek table: 8 bytes of head, 8 a frame, 9 of foot. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	for (unsigned count = 0; count <= FRAME_MAX; count++) {
		struct deja_error err;
		char path[320];
		tf_writer *w;
		FILE *f;

		snprintf(path, sizeof(path), "%s/frames%u", fuzz_dir(), count);
		w = tf_writer_open(path, 1, &err);
		for (unsigned i = 0; w && i < count; i++) {
			uint8_t buf[16], *p = tf_put_array(buf, 2);

			p = tf_put_uint(p, TF_EV_THREAD);
			p = tf_put_uint(p, 100 + i);
			tf_writer_append(w, buf, (size_t)(p - buf), &err);
			tf_writer_flush(w, &err);
		}
		if (!w || tf_writer_close(w, &err) < 0 || !(f = fopen(path, "r")))
			abort();
		frames_len[count] = fread(frames[count], 1, sizeof(frames[0]), f) - 17 - 8 * count;
		fclose(f);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t file[4096 + TABLE_MAX];
	unsigned count;
	struct deja_error err;
	struct deja_bytes bytes;
	struct tf_state state;
	tf_reader *r;

	if (len < 1 || len > TABLE_MAX)
		return 0;
	count = data[0] % (FRAME_MAX + 1);
	memcpy(file, frames[count], frames_len[count]);
	memcpy(file + frames_len[count], data + 1, len - 1);
	r = tf_reader_open(fuzz_file("p1.zst", file, frames_len[count] + len - 1), &err);
	if (!r)
		return 0;
	for (size_t i = 0; i < tf_reader_frame_count(r) && i < 16; i++) {
		if (tf_reader_frame_len(r, i) > 1 << 20)
			continue;
		if (tf_reader_frame(r, i, &bytes, &err) == 0 &&
		    bytes.len != tf_reader_frame_len(r, i))
			abort();
		tf_reader_sync(r, i, &state, &err);
	}
	tf_reader_close(r);
	return 0;
}
