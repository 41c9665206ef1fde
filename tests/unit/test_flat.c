/*
 * The writers' memory, once settled, is all there: neither another level nor longer frames, which come
 * when the supervisor's load changes, add to it. (The recorder of an nginx grew by 1.1 MiB in the 51st
 * minute, as the machine had a processor to spare for the first time and the better level's tables of
 * three writers came.)
 */
#include "t_recording.h"
#include "tracefmt/compress.h"

#ifdef __SANITIZE_ADDRESS__
#define SLACK_KIB 256 /* its shadow */
#else
#define SLACK_KIB 64
#endif
enum { WRITERS = 3, BYTES = 100 };

static long resident_kib(void)
{
	char line[256];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "RssAnon: %ld", &kib) != 1)
		;
	if (f)
		fclose(f);
	return kib;
}

static void put_frame(tf_writer *w, size_t len)
{
	uint8_t buf[BYTES + 64], bytes[BYTES];
	struct deja_error err;

	for (size_t put = 0; put < len; put += BYTES) {
		uint8_t *end;

		for (size_t i = 0; i < BYTES; i++)
			bytes[i] = (uint8_t)('a' + t_random(20));
		end = t_put_io(buf, T_WRITE, 5, 0, bytes, BYTES);
		assert_int_equal(tf_writer_append(w, buf, (size_t)(end - buf), &err), 0);
	}
	assert_int_equal(tf_writer_flush(w, &err), 0);
}

static void flat(void **state)
{
	static const int level[] = {1, -5, TF_LEVEL_MAX, 1};
	static const size_t frame_len[] = {300, 20000, 100000, 200000, 300000, 300};
	char *dir = t_dir(), name[16];
	tf_writer *w[WRITERS];
	struct deja_error err;
	long settled;

	for (int i = 0; i < WRITERS; i++) {
		snprintf(name, sizeof(name), "p%d.zst", i + 1);
		w[i] = tf_writer_open(t_path(dir, name), 1, &err);
		assert_non_null(w[i]);
		for (int k = 0; k < 30; k++)
			put_frame(w[i], 20000);
	}
	tf_writers_settle();
	settled = resident_kib();
	assert_true(settled > 0);
	for (unsigned f = 0; f < sizeof(frame_len) / sizeof(*frame_len); f++)
		for (unsigned l = 0; l < sizeof(level) / sizeof(*level); l++) {
			for (int i = 0; i < WRITERS; i++) {
				tf_writer_set_level(w[i], level[l]);
				for (int k = 0; k < 3; k++)
					put_frame(w[i], frame_len[f]);
			}
			if (resident_kib() > settled + SLACK_KIB)
				fail_msg("level %d, frames of %zu bytes: %ld KiB, settled with %ld", level[l],
					 frame_len[f], resident_kib(), settled);
		}
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(tf_writer_close(w[i], &err), 0);
	t_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(flat)};

	return cmocka_run_group_tests_name("flat", tests, NULL, NULL);
}
