/*
 * Pieces: byte strings that several frames have are stored once, whoever reads them sees them in
 * full, and what a reference says is held against the bytes that it names.
 */
#include "t_recording.h"
#include "tracefmt/pieces.h"
#include "tracefmt/seektable.h"

enum { STREAM_COUNT = 3, EVENT_COUNT = 400, TEXT_COUNT = 12, TEXT_MAX = 70000 };

static uint8_t text[TEXT_COUNT][TEXT_MAX];
static uint32_t text_len[TEXT_COUNT];

static void make_texts(void)
{
	static const uint32_t lens[TEXT_COUNT] = {1,	1000,  1023,  1024,  1025,  4096,
						  20000, 65535, 65536, 65537, 70000, 1500};

	for (unsigned i = 0; i < TEXT_COUNT; i++) {
		text_len[i] = lens[i];
		for (uint32_t k = 0; k < lens[i]; k++)
			text[i][k] = (uint8_t)t_random(256);
	}
}

/* Which text the k-th event of a stream has. */
static unsigned choice(unsigned stream, unsigned k)
{
	return (stream * 7 + k * 5 + k / 11) % TEXT_COUNT;
}

static void write_events(tf_writer *w, unsigned stream, unsigned from, unsigned to)
{
	static uint8_t buf[TEXT_MAX + 64];
	struct deja_error err;

	for (unsigned k = from; k < to; k++) {
		unsigned c = choice(stream, k);
		uint8_t *p = t_put_io(buf, k % 2 ? T_READ : T_WRITE, 1, 1, text[c], text_len[c]);

		assert_int_equal(tf_writer_append(w, buf, (size_t)(p - buf), &err), 0);
	}
}

static tf_writer *open_writer(const char *dir, unsigned stream, tf_pool *pool)
{
	struct deja_error err;
	char name[32];
	tf_writer *w;

	snprintf(name, sizeof(name), "p%u.zst", stream);
	w = tf_writer_open(t_path(dir, name), 1, &err);
	assert_non_null(w);
	tf_writer_set_pool(w, pool, stream);
	return w;
}

static uint64_t write_all(const char *dir, tf_pool *pool)
{
	tf_writer *w[STREAM_COUNT];
	struct deja_error err;
	uint64_t len = 0;

	t_write_header(dir);
	for (unsigned i = 0; i < STREAM_COUNT; i++)
		w[i] = open_writer(dir, i + 1, pool);
	for (unsigned k = 0; k < EVENT_COUNT; k += 20)
		for (unsigned i = 0; i < STREAM_COUNT; i++) {
			write_events(w[i], i + 1, k, k + 20);
			if (k % 60 == 0)
				assert_int_equal(tf_writer_flush(w[i], &err), 0);
		}
	for (unsigned i = 0; i < STREAM_COUNT; i++) {
		assert_int_equal(tf_writer_has_references(w[i]), pool != NULL);
		len += tf_writer_byte_len(w[i]);
		assert_int_equal(tf_writer_close(w[i], &err), 0);
	}
	return len;
}

static off_t disk_len(const char *dir)
{
	off_t len = 0;
	struct stat st;
	char name[32];

	for (unsigned i = 1; i <= STREAM_COUNT; i++) {
		snprintf(name, sizeof(name), "p%u.zst", i);
		assert_int_equal(stat(t_path(dir, name), &st), 0);
		len += st.st_size;
	}
	return len;
}

/* Events from .. of a stream are as they were written. */
static void check_events(deja_cursor *cur, unsigned stream, unsigned from, unsigned to)
{
	struct deja_event ev;
	struct deja_error err;

	for (unsigned k = from; k < to; k++) {
		unsigned c = choice(stream, k);

		if (deja_next(cur, &ev, &err) != 1)
			fail_msg("stream %u, event %u: %s", stream, k + 1, err.message);
		assert_int_equal(ev.number, k + 1);
		assert_int_equal(ev.item_count, 1);
		assert_int_equal(ev.items[0].bytes.len, text_len[c]);
		assert_memory_equal(ev.items[0].bytes.data, text[c], text_len[c]);
	}
}

static void check_all(const char *dir)
{
	struct deja_error err;
	deja_recording *rec = deja_open(dir, &err);

	assert_non_null(rec);
	for (unsigned i = 1; i <= STREAM_COUNT; i++) {
		deja_cursor *cur = deja_cursor_open(rec, i, &err);
		struct deja_event ev;

		assert_non_null(cur);
		check_events(cur, i, 0, EVENT_COUNT);
		assert_int_equal(deja_next(cur, &ev, &err), 0);
		for (unsigned round = 0; round < 50; round++) {
			unsigned k = (unsigned)t_random(EVENT_COUNT - 3);

			assert_int_equal(deja_seek_event(cur, k + 1, &err), 0);
			check_events(cur, i, k, k + 3);
		}
		deja_cursor_close(cur);
	}
	deja_close(rec);
}

static void once(void **state)
{
	char *with = t_dir(), *without = t_dir();
	tf_pool *pool = tf_pool_new();
	char command[4200];

	assert_non_null(pool);
	assert_int_equal(write_all(with, pool), write_all(without, NULL));
	tf_pool_free(pool);
	check_all(with);
	check_all(without);
	/* random bytes: each text once, but for those that a frame has twice */
	assert_true(disk_len(with) * 4 < disk_len(without));
	if (access("tests/decode.py", R_OK) == 0 && system("command -v python3 zstd >/dev/null") == 0) {
		snprintf(command, sizeof(command), "python3 tests/decode.py '%s' >'%s'", with,
			 t_path(with, "out"));
		assert_int_equal(system(command), 0);
	}
	t_remove(with);
	t_remove(without);
}

/* Several times in one frame: once in the file. */
static void in_one_frame(void **state)
{
	char *dir = t_dir();
	tf_pool *pool = tf_pool_new();
	struct deja_error err;
	struct stat st;
	tf_writer *w;

	t_write_header(dir);
	w = open_writer(dir, 1, pool);
	for (unsigned i = 0; i < 3; i++)
		write_events(w, 1, 0, 1);
	assert_int_equal(tf_writer_close(w, &err), 0);
	assert_int_equal(choice(1, 0), 7);
	assert_int_equal(stat(t_path(dir, "p1.zst"), &st), 0);
	assert_true(st.st_size > text_len[7] && st.st_size < text_len[7] + 1000);
	{
		deja_recording *rec = deja_open(dir, &err);
		deja_cursor *cur = deja_cursor_open(rec, 1, &err);
		struct deja_event ev;

		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(deja_next(cur, &ev, &err), 1);
			assert_int_equal(ev.items[0].bytes.len, text_len[7]);
			assert_memory_equal(ev.items[0].bytes.data, text[7], text_len[7]);
		}
		deja_cursor_close(cur);
		deja_close(rec);
	}
	tf_pool_free(pool);
	t_remove(dir);
}

/* A stream whose writer was killed: its frames keep their pieces, also those that others and
 * later frames refer to. */
static void resumed(void **state)
{
	char *dir = t_dir(), *path;
	tf_pool *pool = tf_pool_new();
	struct deja_error err;
	struct stat st;
	tf_writer *w;

	write_all(dir, pool);
	path = t_path(dir, "p2.zst");
	assert_int_equal(stat(path, &st), 0);
	/* the seek table, and some of the frame before it */
	assert_int_equal(truncate(path, st.st_size - 1500), 0);
	w = tf_writer_resume(path, 1, NULL, NULL, &err);
	if (!w)
		fail_msg("%s", err.message);
	assert_true(tf_writer_has_references(w));
	write_events(w, 2, (unsigned)tf_writer_event_count(w), EVENT_COUNT);
	assert_int_equal(tf_writer_close(w, &err), 0);
	check_all(dir);
	tf_pool_free(pool);
	t_remove(dir);
}

/* The first of the file's pieces frames. */
static uint8_t *find_pieces(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 12 < len; i++)
		if (tf_get_le32(bytes + i) == TF_PIECES_MAGIC)
			return bytes + i;
	fail_msg("no pieces frame");
	return NULL;
}

static int read_all(const char *dir, unsigned stream, struct deja_error *err)
{
	deja_recording *rec = deja_open(dir, err);
	deja_cursor *cur;
	struct deja_event ev;
	int rc = -1;
	unsigned k = 0;

	assert_non_null(rec);
	cur = deja_cursor_open(rec, stream, err);
	while (cur && (rc = deja_next(cur, &ev, err)) == 1) {
		unsigned c = choice(stream, k++);

		/* never other bytes */
		assert_int_equal(ev.items[0].bytes.len, text_len[c]);
		assert_memory_equal(ev.items[0].bytes.data, text[c], text_len[c]);
	}
	deja_cursor_close(cur);
	deja_close(rec);
	return rc;
}

/* What is referred to is missing. */
static void lost(void **state)
{
	char *dir = t_dir();
	tf_pool *pool = tf_pool_new();
	struct deja_error err;

	write_all(dir, pool);
	tf_pool_free(pool);
	assert_int_equal(unlink(t_path(dir, "p1.zst")), 0);
	assert_int_equal(read_all(dir, 2, &err), -1);
	t_remove(dir);
}

/* Another recording's stream in the place of the one that is referred to: alike, but for the
 * bytes. */
static void exchanged(void **state)
{
	char *dir = t_dir(), *other = t_dir();
	tf_pool *pool = tf_pool_new(), *second = tf_pool_new();
	struct deja_error err;

	write_all(dir, pool);
	for (unsigned i = 0; i < TEXT_COUNT; i++)
		text[i][text_len[i] / 2] ^= 1;
	write_all(other, second);
	for (unsigned i = 0; i < TEXT_COUNT; i++)
		text[i][text_len[i] / 2] ^= 1;
	tf_pool_free(pool);
	tf_pool_free(second);
	assert_int_equal(read_all(dir, 2, &err), 0);
	assert_int_equal(rename(t_path(other, "p1.zst"), t_path(dir, "p1.zst")), 0);
	assert_int_equal(read_all(dir, 2, &err), -1);
	assert_int_equal(err.code, DEJA_E_STREAM);
	t_remove(dir);
	t_remove(other);
}

/* Every byte of a pieces frame damaged in turn: an error or the right bytes. */
static void damaged(void **state)
{
	char *dir = t_dir(), *path;
	tf_pool *pool = tf_pool_new();
	struct deja_error err;
	uint8_t *bytes, *at;
	size_t len, pieces_len, failed = 0;

	write_all(dir, pool);
	tf_pool_free(pool);
	path = strdup(t_path(dir, "p3.zst"));
	bytes = t_read_file(path, &len);
	at = find_pieces(bytes, len);
	pieces_len = 8 + tf_get_le32(at + 4);
	for (size_t i = 0; i < pieces_len; i += i < 16 ? 1 : 7) {
		uint8_t kept = at[i];

		for (unsigned bit = 0; bit < 8; bit += 3) {
			at[i] = kept ^ (uint8_t)(1 << bit);
			t_write_file(path, bytes, len);
			failed += read_all(dir, 3, &err) < 0;
		}
		at[i] = kept;
	}
	assert_true(failed >= 30);
	t_write_file(path, bytes, len);
	assert_int_equal(read_all(dir, 3, &err), 0);
	free(bytes);
	free(path);
	t_remove(dir);
}

/* More than the pool holds: what is pushed out is stored again. */
static void crowded(void **state)
{
	tf_pool *pool = tf_pool_new();
	struct tf_piece piece = {1, 0, 0, 2000, 0}, found;
	uint8_t bytes[2000] = {0};
	unsigned known = 0;

	for (uint32_t i = 1; i <= 400000; i++) {
		memcpy(bytes, &i, sizeof(i));
		piece.offset = i;
		tf_pool_add(pool, tf_pool_key(pool, bytes, sizeof(bytes)), &piece);
	}
	for (uint32_t i = 1; i <= 400000; i++) {
		memcpy(bytes, &i, sizeof(i));
		if (!tf_pool_find(pool, tf_pool_key(pool, bytes, sizeof(bytes)), &found))
			continue;
		assert_int_equal(found.offset, i);
		known++;
	}
	assert_true(known > 100000 && known < 400000);
	tf_pool_free(pool);
}

static int setup(void **state)
{
	make_texts();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(once), cmocka_unit_test(in_one_frame), cmocka_unit_test(resumed), cmocka_unit_test(exchanged),
	    cmocka_unit_test(lost),	 cmocka_unit_test(damaged), cmocka_unit_test(crowded),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
