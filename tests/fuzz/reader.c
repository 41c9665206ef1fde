/*
 * A stream's file as it is: frames, seek table, walking.
 */
#include "fuzz.h"
#include "tracefmt/stream.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct deja_error err;
	struct deja_bytes bytes;
	struct tf_state state;
	volatile uint64_t n = 0;
	uint64_t total = 0;
	tf_reader *r = tf_reader_open(fuzz_file("p1.zst", data, len), &err);

	if (!r)
		return 0;
	tf_reader_ending(r);
	for (size_t i = 0; i <= tf_reader_frame_count(r) && i < 64; i++) {
		total += tf_reader_frame_len(r, i);
		tf_reader_sync(r, i, &state, &err);
		if (tf_reader_frame_len(r, i) > 1 << 20 || tf_reader_frame(r, i, &bytes, &err) < 0)
			continue;
		if (bytes.len != tf_reader_frame_len(r, i))
			abort();
		for (size_t k = 0; k < bytes.len; k++)
			n += bytes.data[k];
	}
	(void)n;
	if (total > tf_reader_byte_len(r))
		abort();
	tf_reader_close(r);
	return 0;
}
