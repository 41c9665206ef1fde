/*
 * Moments, filters, assemblies and annotations of libdeja (deja_look.h), on small recordings.
 */
#include "t_recording.h"
#include "tracefmt/deja_look.h"

/* Ten calls 1 ms apart, written in small frames; a pipe's worth of reads and writes. */
static char *t_make(void)
{
	char *dir = t_dir();
	uint8_t bytes[4096], *p = bytes;
	struct tf_state st;

	t_write_header(dir);
	tf_state_init(&st);
	p = t_put_thread(p, 100);
	for (int i = 0; i < 9; i++)
		p = t_put_io(p, i % 2 ? T_WRITE : T_READ, 1000000, 0, "abcdefgh", 8);
	t_write_stream(t_path(dir, "p1.zst"), bytes, (size_t)(p - bytes), 64);
	return dir;
}

static deja_recording *t_open(const char *dir)
{
	struct deja_error err = {0};
	deja_recording *rec = deja_open(dir, &err);

	if (!rec)
		fail_msg("%s", err.message);
	return rec;
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {{"2s", 2000000000},	  {"1.5s", 1500000000}, {"300ms", 300000000},
		    {"20us", 20000},	  {"7ns", 7},		{"2min", 120000000000},
		    {"1h", 3600000000000}, {"1:30", 90000000000}, {"00:01.200", 1200000000},
		    {"1:02:03.5", 3723500000000}, {"0.000000001s", 1}, {"0s", 0},
		    {"1.25ms", 1250000}, {"0.25", 250000000}, {"1.5", 1500000000}};
	static const char *const bad[] = {"",	   "s",	   "2",	      "-1s", "1.s",  "1..s", "1.",
					  "1sec",  "1:60", "1:2:3:4", "1e9s", " 1s", "1s ",
					  "99999999999999999999s", "300000000h"};
	struct deja_error err;
	int64_t ns;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (deja_duration_parse(good[i].text, &ns, &err))
			fail_msg("%s: %s", good[i].text, err.message);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!deja_duration_parse(bad[i], &ns, &err))
			fail_msg("'%s' is taken for %lld ns", bad[i], (long long)ns);
}

static void test_moments(void **state)
{
	char *dir = t_make();
	deja_recording *rec = t_open(dir);
	struct deja_error err;
	struct deja_when when, base = {.time_ns = 5000};
	struct deja_range range;
	struct deja_event ev = {.stream = 1, .number = 3, .time_ns = 2000000};
	static const char *const bad[] = {"#", "#0", "#11", "#x", "p2#1", "p0#1", "7#1", "#1#2",
					  "x", "+", "+2", "2026-13-01", "2026-01-01T25:00:00Z"};

	assert_int_equal(deja_when_parse(rec, "#3", NULL, &when, &err), 0);
	assert_int_equal(when.stream, 1);
	assert_int_equal(when.number, 3);
	assert_int_equal(when.time_ns, 2000000);
	assert_int_equal(deja_when_parse(rec, "p1#10", NULL, &when, &err), 0);
	assert_int_equal(when.time_ns, 9000000);
	assert_int_equal(deja_when_parse(rec, "+7ns", &base, &when, &err), 0);
	assert_int_equal(when.time_ns, 5007);
	/* The header's start is 1970. */
	assert_int_equal(deja_when_parse(rec, "1970-01-01T00:01:00.5Z", NULL, &when, &err), 0);
	assert_int_equal(when.time_ns, 60500000000);
	assert_int_equal(deja_when_parse(rec, "1970-01-01T02:00:00+01:00", NULL, &when, &err), 0);
	assert_int_equal(when.time_ns, 3600000000000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!deja_when_parse(rec, bad[i], NULL, &when, &err))
			fail_msg("'%s' is taken for a moment", bad[i]);
	assert_int_equal(deja_range_parse(rec, "1ms..+1ms", &range, &err), 0);
	assert_int_equal(range.to.time_ns, 2000000);
	assert_true(deja_range_has(&range, &ev));
	assert_int_equal(deja_range_parse(rec, "#4..", &range, &err), 0);
	assert_int_equal(deja_range_compare(&range, &ev), -1);
	assert_int_equal(deja_range_parse(rec, "..#2", &range, &err), 0);
	assert_int_equal(deja_range_compare(&range, &ev), 1);
	assert_int_equal(deja_range_parse(rec, "..", &range, &err), -1);
	assert_int_equal(deja_range_parse(rec, "#5..#4", &range, &err), -1);
	deja_close(rec);
	t_remove(dir);
}

static unsigned t_count(deja_recording *rec, const char *key, const char *value)
{
	struct deja_error err = {0};
	deja_filter *f = deja_filter_new(rec);
	struct deja_event ev;
	deja_look *l;
	unsigned n = 0;

	if (deja_filter_add(f, key, value, &err))
		fail_msg("%s: %s", value, err.message);
	l = deja_look_open(rec, f, 0, &err);
	assert_non_null(l);
	while (deja_look_next(l, &ev, NULL, &err) == 1)
		n++;
	deja_look_close(l);
	deja_filter_free(f);
	return n;
}

static void test_filters(void **state)
{
	char *dir = t_make();
	deja_recording *rec = t_open(dir);
	deja_filter *f = deja_filter_new(rec);
	struct deja_error err;

	assert_int_equal(t_count(rec, "call", "read"), 5);
	assert_int_equal(t_count(rec, "call", "!read"), 5);
	assert_int_equal(t_count(rec, "call", "thread,write"), 5);
	assert_int_equal(t_count(rec, "class", "desc"), 9);
	assert_int_equal(t_count(rec, "fd", "5"), 9);
	assert_int_equal(t_count(rec, "fd", "4"), 0);
	assert_int_equal(t_count(rec, "result", ">=8"), 9);
	assert_int_equal(t_count(rec, "result", "<8"), 0);
	assert_int_equal(t_count(rec, "range", "3ms..5ms"), 3);
	assert_int_equal(t_count(rec, "range", "#3..#3"), 1);
	assert_int_equal(t_count(rec, "io", "1"), 9);
	assert_int_equal(t_count(rec, "io", "2"), 0);
	assert_int_equal(deja_filter_add(f, "call", "nonsense", &err), -1);
	assert_int_equal(deja_filter_add(f, "colour", "red", &err), -1);
	assert_int_equal(deja_filter_add(f, "call", "read", &err), 0);
	assert_int_equal(deja_filter_add(f, "call", "!write", &err), -1);
	deja_filter_free(f);
	deja_close(rec);
	t_remove(dir);
}

/* Which event brought which byte, across drops. */
static void test_assembly(void **state)
{
	char *dir = t_make();
	deja_recording *rec = t_open(dir);
	deja_assembly *a = deja_assembly_new();
	struct deja_error err;
	deja_look *l = deja_look_open(rec, NULL, DEJA_LOOK_TRACK, &err);
	struct deja_event ev;
	struct deja_sight sight;
	struct deja_origin origin;
	uint64_t offset;

	while (deja_look_next(l, &ev, &sight, &err) == 1)
		for (size_t i = 0; i < sight.leg_count; i++)
			if (sight.leg[i].inbound)
				assert_int_equal(deja_assembly_add(a, &ev, &sight.leg[i], &err), 0);
	assert_int_equal(deja_assembly_bytes(a, &offset).len, 40);
	assert_int_equal(offset, 0);
	assert_memory_equal(deja_assembly_bytes(a, &offset).data + 8, "abcdefgh", 8);
	/* The reads are events 2, 4, 6, 8, 10. */
	assert_true(deja_assembly_origin(a, 8, &origin));
	assert_int_equal(origin.number, 4);
	assert_int_equal(origin.offset, 8);
	deja_assembly_drop(a, 17);
	assert_int_equal(deja_assembly_bytes(a, &offset).len, 23);
	assert_int_equal(offset, 17);
	assert_false(deja_assembly_origin(a, 16, &origin));
	assert_true(deja_assembly_origin(a, 17, &origin));
	assert_int_equal(origin.number, 6);
	assert_true(deja_assembly_origin(a, 39, &origin));
	assert_int_equal(origin.number, 10);
	assert_false(deja_assembly_origin(a, 40, &origin));
	deja_assembly_free(a);
	deja_look_close(l);
	deja_close(rec);
	t_remove(dir);
}

static void test_notes(void **state)
{
	char *dir = t_make(), *path = t_path(dir, "annotations");
	struct deja_error err;
	deja_notes *n = deja_notes_open(dir, &err);
	struct deja_note note = {.kind = DEJA_NOTE_LABEL, .target = DEJA_NOTE_EVENT,
				 .text = "here", .author = "me",
				 .range = {.has_from = true, .from = {2000000, 1, 3}}};
	struct deja_event ev = {.stream = 1, .number = 3};
	uint8_t *bytes;
	uint32_t id;
	size_t len;

	assert_non_null(n);
	assert_int_equal(deja_notes_count(n), 0);
	assert_int_equal(deja_notes_put(n, &note, &id, &err), 0);
	assert_int_equal(id, 1);
	note.kind = DEJA_NOTE_SCORE;
	note.score = -0.5;
	assert_int_equal(deja_notes_put(n, &note, &id, &err), 0);
	assert_int_equal(id, 2);
	note.id = 1;
	note.deleted = true;
	assert_int_equal(deja_notes_put(n, &note, NULL, &err), 0);
	assert_int_equal(deja_notes_count(n), 1);
	assert_int_equal(deja_notes_history_count(n), 3);
	/* Deleted is not there to be edited, and its id is not given again. */
	assert_int_equal(deja_notes_put(n, &note, NULL, &err), -1);
	note.id = 0;
	note.deleted = false;
	assert_int_equal(deja_notes_put(n, &note, &id, &err), 0);
	assert_int_equal(id, 3);
	assert_true(deja_note_covers(deja_notes_by_id(n, 2), &ev, NULL));
	deja_notes_close(n);
	/* A writer that died in the middle: the rest is whole, and writing goes on. */
	bytes = t_read_file(path, &len);
	t_write_file(path, bytes, len - 5);
	n = deja_notes_open(dir, &err);
	assert_non_null(n);
	assert_int_equal(deja_notes_count(n), 1);
	assert_true(deja_notes_at(n, 0)->score == -0.5);
	assert_int_equal(deja_notes_put(n, &note, &id, &err), 0);
	assert_int_equal(deja_notes_count(n), 2);
	deja_notes_close(n);
	/* Whatever stands there, nothing worse than an error comes of it. */
	for (int round = 0; round < 2000; round++) {
		uint8_t *copy = malloc(len);

		memcpy(copy, bytes, len);
		for (uint64_t k = t_random(4) + 1; k; k--)
			copy[t_random(len)] = (uint8_t)t_random(256);
		t_write_file(path, copy, t_random(4) ? len : t_random(len));
		free(copy);
		n = deja_notes_open(dir, &err);
		if (n)
			deja_notes_close(n);
	}
	free(bytes);
	t_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_durations), cmocka_unit_test(test_moments),
	    cmocka_unit_test(test_filters),   cmocka_unit_test(test_assembly),
	    cmocka_unit_test(test_notes),
	};

	return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
