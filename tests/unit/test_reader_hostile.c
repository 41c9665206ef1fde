/*
 * The reader against damaged and malicious files: it gives the good beginning and an
 * error, never a crash, a hang or an allocation that the file does not account for.
 * Meant to be run under sanitizers too (make SANITIZE=address,undefined unit).
 */
#include <sys/resource.h>
#include <zstd.h>

#include "t_recording.h"

enum { EVENTS = 60 };

/* A small stream of several frames: call n has result n, other events between them. */
static size_t make_events(uint8_t *buf, size_t *ends)
{
	uint8_t *p = buf;
	unsigned i;

	for (i = 0; i < EVENTS; i++) {
		if (i % 5 == 0)
			p = t_put_thread(p, 100 + i);
		else if (i % 5 == 1)
			p = t_put_clock(p, i % TF_CLOCK_COUNT, i);
		else if (i % 5 == 2)
			p = t_put_io(p, T_READ, 1, 2, "some bytes of input", 19);
		else
			p = t_put_getpid(p, 1, 2, i);
		ends[i] = (size_t)(p - buf);
	}
	return (size_t)(p - buf);
}

/* Reads the recording to its end; the events must be the beginning of make_events'.
 * Returns their number, *code says how it ended. */
static unsigned read_events(const char *dir, enum deja_errno *code)
{
	struct deja_error err = {0};
	struct deja_event ev;
	deja_recording *rec = deja_open(dir, &err);
	deja_cursor *cur;
	unsigned n = 0;
	int rc;

	assert_non_null(rec);
	*code = DEJA_OK;
	cur = deja_cursor_open(rec, 1, &err);
	if (!cur) {
		*code = err.code;
		deja_close(rec);
		return 0;
	}
	while ((rc = deja_next(cur, &ev, &err)) == 1) {
		assert_int_equal(ev.number, n + 1);
		if (n % 5 > 2)
			assert_int_equal(ev.result, n);
		n++;
	}
	if (rc < 0)
		*code = err.code;
	assert_int_equal(deja_next(cur, &ev, &err), 0);
	/* Seeking in the same file, whatever it finds. */
	if (deja_seek_event(cur, EVENTS / 2, &err) == 0 &&
	    deja_next(cur, &ev, &err) == 1)
		assert_int_equal(ev.number, EVENTS / 2);
	deja_seek_time(cur, EVENTS, &err);
	deja_next(cur, &ev, &err);
	deja_cursor_close(cur);
	deja_close(rec);
	return n;
}

static uint8_t *make_file(const char *dir, size_t *len)
{
	static uint8_t buf[EVENTS * 128];
	size_t ends[EVENTS], total = make_events(buf, ends);

	t_write_header(dir);
	t_write_stream(t_path(dir, "p1.zst"), buf, total, 100);
	return t_read_file(t_path(dir, "p1.zst"), len);
}

static void truncated(void **state)
{
	char *dir = t_dir();
	size_t len, cut;
	uint8_t *bytes = make_file(dir, &len);
	enum deja_errno code;
	unsigned n, last = 0;

	assert_int_equal(read_events(dir, &code), EVENTS);
	assert_int_equal(code, DEJA_OK);
	for (cut = 0; cut < len; cut++) {
		t_write_file(t_path(dir, "p1.zst"), bytes, cut);
		n = read_events(dir, &code);
		assert_int_equal(code, DEJA_E_TRUNCATED);
		assert_true(n >= last);
		last = n;
	}
	assert_int_equal(last, EVENTS);
	free(bytes);
	t_remove(dir);
}

static void flipped(void **state)
{
	char *dir = t_dir();
	size_t len, i;
	uint8_t *bytes = make_file(dir, &len);
	enum deja_errno code;
	unsigned silent = 0;

	for (i = 0; i < len * 8; i++) {
		unsigned n;

		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		t_write_file(t_path(dir, "p1.zst"), bytes, len);
		n = read_events(dir, &code);
		if (code == DEJA_OK) {
			/* The unused bits of a frame header and of the seek table's
			 * descriptor mean nothing. */
			assert_int_equal(n, EVENTS);
			silent++;
		}
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_true(silent < len * 8 / 100);
	free(bytes);
	t_remove(dir);
}

static void noise(void **state)
{
	char *dir = t_dir();
	uint8_t bytes[4096];
	enum deja_errno code;
	unsigned round, i;

	t_write_header(dir);
	for (round = 0; round < 300; round++) {
		size_t len = t_random(sizeof(bytes));

		for (i = 0; i < len; i++)
			bytes[i] = (uint8_t)t_random(256);
		if (len > 16 && round % 2) {
			memcpy(bytes, "\x28\xb5\x2f\xfd", 4);
			memcpy(bytes + len - 4, "\xb1\xea\x92\x8f", 4);
		}
		t_write_file(t_path(dir, "p1.zst"), bytes, len);
		assert_int_equal(read_events(dir, &code), 0);
		assert_true(code != DEJA_OK);
	}
	t_remove(dir);
}

/* Any frame with any content, then a good seek table for it. */
static void write_frame(const char *path, const void *content, size_t len, int checksum)
{
	size_t cap = ZSTD_compressBound(len), n, table = 8 + 8 + 9;
	uint8_t *out = malloc(cap + table), *p;
	ZSTD_CCtx *cctx = ZSTD_createCCtx();
	uint32_t words[4];

	assert_true(out && cctx);
	ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, checksum);
	n = ZSTD_compress2(cctx, out, cap, content, len);
	assert_false(ZSTD_isError(n));
	words[0] = 0x184D2A5E;
	words[1] = 8 + 9;
	words[2] = (uint32_t)n;
	words[3] = (uint32_t)len;
	p = out + n;
	memcpy(p, words, 16);
	memcpy(p + 16, "\x01\0\0\0\0\xb1\xea\x92\x8f", 9);
	t_write_file(path, out, n + table);
	ZSTD_freeCCtx(cctx);
	free(out);
}

static void expect_frame_error(const char *dir, const void *content, size_t len,
			       unsigned events, enum deja_errno expected)
{
	enum deja_errno code;

	write_frame(t_path(dir, "p1.zst"), content, len, 1);
	assert_int_equal(read_events(dir, &code), events);
	assert_int_equal(code, expected);
}

/* Good zstd, bad events: what a checksum cannot find. */
static void bad_events(void **state)
{
	char *dir = t_dir();
	struct tf_state st;
	uint8_t buf[TF_SYNC_MAX + 256], *p, *event;

	t_write_header(dir);
	tf_state_init(&st);
	event = buf + tf_state_sync(&st, buf);

	expect_frame_error(dir, "", 0, 0, DEJA_E_STREAM);
	expect_frame_error(dir, "\x91", 1, 0, DEJA_E_STREAM);
	p = t_put_getpid(event, 1, 2, 0);
	expect_frame_error(dir, event, (size_t)(p - event), 0, DEJA_E_STREAM);
	expect_frame_error(dir, buf, (size_t)(event - buf), 0, DEJA_OK);
	/* A frame that ends inside an event. */
	p = t_put_thread(event, 5);
	p = t_put_getpid(p, 1, 2, 0);
	expect_frame_error(dir, buf, (size_t)(p - buf) - 1, 1, DEJA_E_EVENT);
	/* A SYNC where none may be. */
	p = t_put_thread(event, 5);
	memcpy(p, buf, (size_t)(event - buf));
	expect_frame_error(dir, buf, (size_t)(p - buf) + (size_t)(event - buf), 1,
			   DEJA_E_EVENT);
	/* A call with fewer elements than its row has. */
	p = tf_put_array(event, 5);
	p = tf_put_uint(p, T_READ);
	memcpy(p, "\0\0\0\0", 4);
	expect_frame_error(dir, buf, (size_t)(p - buf) + 4, 0, DEJA_E_EVENT);
	/* An inbound item that is a digest: there would be nothing to serve. */
	p = tf_put_array(event, 7);
	p = tf_put_uint(p, T_READ);
	memcpy(p, "\0\0\0\0\0\x07", 6);
	expect_frame_error(dir, buf, (size_t)(p - buf) + 6, 0, DEJA_E_EVENT);
	/* A clock that does not exist. */
	p = t_put_clock(event, TF_CLOCK_COUNT, 1);
	expect_frame_error(dir, buf, (size_t)(p - buf), 0, DEJA_E_EVENT);
	p = tf_put_array(event, 3);
	p = tf_put_uint(p, TF_EV_CLOCK);
	p = tf_put_int(p, -1);
	p = tf_put_int(p, 1);
	expect_frame_error(dir, buf, (size_t)(p - buf), 0, DEJA_E_EVENT);
	/* Ids no one knows yet are events; extreme times wrap. */
	p = tf_put_array(event, 2);
	p = tf_put_uint(p, 31);
	p = tf_put_nil(p);
	p = t_put_getpid(p, INT64_MAX, INT64_MAX, 1);
	p = t_put_getpid(p, INT64_MIN, -1, 1);
	p = tf_put_array(p, 4);
	p = tf_put_uint(p, 9999);
	memcpy(p, "\0\0\0", 3);
	{
		struct deja_error err;
		struct deja_event ev;
		deja_recording *rec;
		deja_cursor *cur;

		write_frame(t_path(dir, "p1.zst"), buf, (size_t)(p - buf) + 3, 1);
		rec = deja_open(dir, &err);
		assert_non_null(rec);
		cur = deja_cursor_open(rec, 1, &err);
		assert_non_null(cur);
		assert_int_equal(deja_next(cur, &ev, &err), 1);
		assert_int_equal(ev.id, 31);
		assert_int_equal(deja_next(cur, &ev, &err), 1);
		assert_int_equal(deja_next(cur, &ev, &err), 1);
		assert_int_equal(deja_next(cur, &ev, &err), 1);
		assert_int_equal(ev.id, 9999);
		assert_int_equal(ev.number, 4);
		assert_int_equal(deja_next(cur, &ev, &err), 0);
		deja_cursor_close(cur);
		deja_close(rec);
	}
	/* Without a checksum damage could not be seen: not format 1. */
	p = t_put_thread(event, 5);
	write_frame(t_path(dir, "p1.zst"), buf, (size_t)(p - buf), 0);
	{
		enum deja_errno code;

		assert_int_equal(read_events(dir, &code), 0);
		assert_int_equal(code, DEJA_E_STREAM);
	}
	t_remove(dir);
}

/* The seek table's count of frames, its entries, and it without the last of them. */
static uint32_t table_of(uint8_t *bytes, size_t len, uint8_t **entries)
{
	uint32_t count;

	memcpy(&count, bytes + len - 9, 4);
	*entries = bytes + len - 9 - 8 * (size_t)count;
	return count;
}

static size_t without_last(uint8_t *bytes, size_t len)
{
	uint8_t *entries;
	uint32_t count = table_of(bytes, len, &entries) - 1, follows = count * 8 + 9;

	memmove(entries + 8 * (size_t)count, bytes + len - 9, 9);
	memcpy(entries - 4, &follows, 4);
	memcpy(bytes + len - 8 - 9, &count, 4);
	return len - 8;
}

/* A table that cannot be is none: the frames are what they are, all of them. */
static void bad_tables(void **state)
{
	static const uint32_t counts[] = {0x1000000, 0x7ffffff, 0xfffffff, UINT32_MAX};
	char *dir = t_dir();
	size_t len;
	uint8_t *bytes = make_file(dir, &len), *entries;
	uint32_t count = table_of(bytes, len, &entries), v;
	enum deja_errno code;

	/* longer than the file */
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		memcpy(bytes + len - 9, &counts[i], 4);
		t_write_file(t_path(dir, "p1.zst"), bytes, len);
		assert_int_equal(read_events(dir, &code), EVENTS);
		assert_int_equal(code, DEJA_E_STREAM);
	}
	memcpy(bytes + len - 9, &count, 4);
	/* a frame that is said to hold more, and less, than it does */
	for (int more = -1; more <= 1; more += 2) {
		memcpy(&v, entries + 4, 4);
		v += (uint32_t)more;
		memcpy(entries + 4, &v, 4);
		t_write_file(t_path(dir, "p1.zst"), bytes, len);
		assert_int_equal(read_events(dir, &code), 0);
		assert_int_equal(code, DEJA_E_STREAM);
		v -= (uint32_t)more;
		memcpy(entries + 4, &v, 4);
	}
	/* one frame less than there are */
	t_write_file(t_path(dir, "p1.zst"), bytes, without_last(bytes, len));
	assert_int_equal(read_events(dir, &code), EVENTS);
	assert_int_equal(code, DEJA_E_STREAM);
	free(bytes);
	t_remove(dir);
}

/* No more memory than this beyond what is used; an address sanitizer needs all there is. */
static void limit_memory(rlim_t more)
{
#ifndef __SANITIZE_ADDRESS__
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	unsigned long pages;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = more ? pages * (rlim_t)sysconf(_SC_PAGESIZE) + more : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
#endif
}

/* A seek table that lies where it could not be seen at a glance, and sizes meant to
 * exhaust the memory: with the address space limited, every answer is an error. */
static void lies(void **state)
{
	char *dir = t_dir();
	size_t len, at;
	uint8_t *bytes = make_file(dir, &len), *table;
	enum deja_errno code;
	uint32_t count, v;
	unsigned n;

	memcpy(&count, bytes + len - 9, 4);
	assert_true(count > 4);
	table = bytes + len - 9 - 8 * (size_t)count;
	/* The boundary of the first two frames moved by one: the sums are right. */
	memcpy(&v, table, 4);
	v++;
	memcpy(table, &v, 4);
	memcpy(&v, table + 8, 4);
	v--;
	memcpy(table + 8, &v, 4);
	t_write_file(t_path(dir, "p1.zst"), bytes, len);
	n = read_events(dir, &code);
	assert_int_equal(code, DEJA_E_STREAM);
	assert_int_equal(n, 0);
	free(bytes);

	/* A frame that declares 4 GiB. */
	limit_memory(1 << 30);
	for (at = 0; at < 3; at++) {
		static const uint8_t huge[] = {0x28, 0xb5, 0x2f, 0xfd, 0xc4, 0, 0xff,
					       0xff, 0xff, 0xff, 0,    0,    0, 0,
					       1,    0,	   0,	 0,    0,    0, 0};
		uint8_t file[64];

		memcpy(file, huge, sizeof(huge));
		file[11] = at == 1 ? 1 : 0; /* more than 4 GiB */
		t_write_file(t_path(dir, "p1.zst"), file, at == 2 ? 12 : sizeof(huge));
		assert_int_equal(read_events(dir, &code), 0);
		assert_true(code == DEJA_E_STREAM || code == DEJA_E_TRUNCATED);
	}
	limit_memory(0);
	t_remove(dir);
}

/* Names that are not streams, streams that are not files. */
static void odd_files(void **state)
{
	char *dir = t_dir();
	struct deja_error err;
	deja_recording *rec;
	deja_cursor *cur;
	struct deja_event ev;
	size_t len;

	free(make_file(dir, &len));
	t_write_file(t_path(dir, "p0.zst"), "x", 1);
	t_write_file(t_path(dir, "p01.zst"), "x", 1);
	t_write_file(t_path(dir, "p4294967295.zst"), "x", 1);
	t_write_file(t_path(dir, "p99999999999999999999.zst"), "x", 1);
	t_write_file(t_path(dir, "p2.zst.tmp"), "x", 1);
	assert_int_equal(mkfifo(t_path(dir, "p7.zst"), 0600), 0);
	rec = deja_open(dir, &err);
	assert_non_null(rec);
	assert_null(deja_cursor_open(rec, 7, &err));
	assert_int_equal(err.code, DEJA_E_STREAM);
	assert_null(deja_cursor_open(rec, 2, &err));
	assert_int_equal(err.code, DEJA_E_RANGE);
	assert_null(deja_cursor_open(rec, DEJA_STREAM_EXTERNAL, &err));
	assert_int_equal(err.code, DEJA_E_RANGE);
	/* It vanishes after the recording was opened. */
	assert_int_equal(unlink(t_path(dir, "p1.zst")), 0);
	assert_null(deja_cursor_open(rec, 1, &err));
	assert_int_equal(err.code, DEJA_E_STREAM);
	cur = deja_cursor_open(rec, 0, &err);
	assert_non_null(cur);
	assert_int_equal(deja_next(cur, &ev, &err), -1);
	assert_int_equal(deja_next(cur, &ev, &err), -1);
	assert_int_equal(deja_next(cur, &ev, &err), 0);
	deja_cursor_close(cur);
	deja_close(rec);
	t_remove(dir);
}

/* The external stream has no process; who wrote is its thread. */
static void external(void **state)
{
	char *dir = t_dir();
	struct deja_error err;
	struct deja_event ev;
	deja_recording *rec;
	deja_cursor *cur;
	uint8_t buf[128], *p = t_put_thread(buf, 77);

	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_OUTPUT);
	p = tf_put_uint(p, 1);
	p = tf_put_uint(p, TF_ROLE_STDOUT);
	p = t_put_io(p, T_WRITE, 5, 0, "hello\n", 6);
	t_write_header(dir);
	t_write_stream(t_path(dir, "x1.zst"), buf, (size_t)(p - buf), 0);
	rec = deja_open(dir, &err);
	assert_non_null(rec);
	cur = deja_cursor_open(rec, 0, &err);
	assert_non_null(cur);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_true(ev.stream == DEJA_STREAM_EXTERNAL);
	assert_int_equal(ev.pid, 77);
	assert_memory_equal(ev.items[0].bytes.data, "hello\n", 6);
	assert_int_equal(deja_next(cur, &ev, &err), 0);
	deja_cursor_close(cur);
	deja_close(rec);
	t_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(truncated), cmocka_unit_test(flipped),
	    cmocka_unit_test(noise),	 cmocka_unit_test(bad_events),
	    cmocka_unit_test(lies),	 cmocka_unit_test(odd_files),
	    cmocka_unit_test(external),	 cmocka_unit_test(bad_tables),
	};

	return cmocka_run_group_tests_name("reader_hostile", tests, NULL, NULL);
}
