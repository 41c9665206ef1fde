/*
 * A whole recording as libdeja reads it: opened, walked, merged, sought in. The input is cut
 * into header, file index and three streams: u16 lengths (little-endian) of the first four, then
 * the bytes. A stream that begins with an 'E' holds events, which are written as a stream
 * first; any other is the file itself. An empty header becomes a good one.
 */
#include "fuzz.h"
#include "tracefmt/header.h"
#include "tracefmt/print.h"
#include "tracefmt/stream.h"

enum { PART_COUNT = 5 };

static uint8_t good_header[4096];
static size_t good_header_len;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const args[] = {"cmd", "arg"};
	struct deja_header h = {.id = "00", .argc = 2, .argv = args, .outbound = "full"};
	struct deja_error err;
	char path[320];
	FILE *f;

	snprintf(path, sizeof(path), "%s/header", fuzz_dir());
	if (tf_header_write(fuzz_dir(), &h, &err) < 0 || !(f = fopen(path, "r")))
		abort();
	good_header_len = fread(good_header, 1, sizeof(good_header), f);
	fclose(f);
	return 0;
}

static void write_stream(const char *name, const uint8_t *data, size_t len)
{
	struct deja_error err;
	char path[320];
	tf_writer *w;

	if (!len || data[0] != 'E') {
		fuzz_file(name, data, len);
		return;
	}
	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	unlink(path);
	w = tf_writer_open(path, 1, &err);
	if (!w)
		abort();
	/* in pieces, with a frame's end now and then */
	for (size_t at = 1; at < len;) {
		size_t n = len - at < 100 ? len - at : 100;

		if (tf_writer_append(w, data + at, n, &err) < 0)
			break;
		if (data[at] & 1)
			tf_writer_flush(w, &err);
		at += n;
	}
	tf_writer_close(w, &err);
}

static void walk(deja_recording *rec, uint32_t stream)
{
	struct deja_error err;
	struct deja_event ev;
	deja_cursor *cur = deja_cursor_open(rec, stream, &err);
	int64_t last = INT64_MIN;
	uint64_t number = 0;

	if (!cur)
		return;
	for (int i = 0; i < 200; i++) {
		int rc = deja_next(cur, &ev, &err);

		if (rc == 0)
			break;
		if (rc < 0)
			continue;
		if (stream && stream != DEJA_STREAM_EXTERNAL && ev.number != number + 1)
			abort();
		number = ev.number;
		last = ev.time_ns;
		tf_print_event(fuzz_sink(), &ev, NULL);
		tf_json_event(fuzz_sink(), &ev, NULL);
	}
	if (deja_seek_event(cur, number / 2, &err) == 0 && deja_next(cur, &ev, &err) == 1 &&
	    ev.number != number / 2)
		abort();
	if (deja_seek_time(cur, last / 2, &err) == 0)
		deja_next(cur, &ev, &err);
	deja_seek_event(cur, number + 5, &err);
	deja_next(cur, &ev, &err);
	deja_cursor_close(cur);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[PART_COUNT] = {"header", "files", "p1.zst", "p2.zst",
						      "x1.zst"};
	size_t at = 2 * (PART_COUNT - 1);
	struct deja_error err;
	deja_recording *rec;

	if (len < at)
		return 0;
	for (int i = 0; i < PART_COUNT; i++) {
		size_t n = len - at;

		if (i < PART_COUNT - 1 && n > (size_t)(data[2 * i] | data[2 * i + 1] << 8))
			n = (size_t)(data[2 * i] | data[2 * i + 1] << 8);
		if (i == 0 && n == 0)
			fuzz_file(names[i], good_header, good_header_len);
		else if (i < 2)
			fuzz_file(names[i], data + at, n);
		else
			write_stream(names[i], data + at, n);
		at += n;
	}
	rec = deja_open(fuzz_dir(), &err);
	if (!rec)
		return 0;
	walk(rec, 0);
	walk(rec, 1);
	walk(rec, 2);
	walk(rec, DEJA_STREAM_EXTERNAL);
	for (size_t i = 0; i < deja_file_count(rec); i++)
		deja_file_by_id(rec, deja_file_at(rec, i)->id);
	deja_file_by_id(rec, 0);
	deja_close(rec);
	return 0;
}
