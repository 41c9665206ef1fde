/*
 * Several streams read as one: in the order of time, with damaged ones among them.
 */
#include "t_recording.h"

enum { STREAMS = 7, PER_STREAM = 300 };

/* Streams of children that begin one after the other. Returns the number of events
 * whose time is at least t. */
static void write_streams(const char *dir, int64_t times[STREAMS][PER_STREAM])
{
	static uint8_t buf[PER_STREAM * 64];
	unsigned i, k;

	for (i = 0; i < STREAMS; i++) {
		int64_t now = i * 1000, dt;
		char name[32];
		uint8_t *p = t_put_child(buf, now, 1000 + (int)i);

		times[i][0] = now;
		for (k = 1; k < PER_STREAM; k++) {
			dt = (int64_t)t_random(30);
			now += dt;
			times[i][k] = now;
			p = t_put_getpid(p, dt - 5, 5, (int64_t)k);
		}
		snprintf(name, sizeof(name), "p%u.zst", i + 1);
		t_write_stream(t_path(dir, name), buf, (size_t)(p - buf), 999);
	}
}

static void check_merged(deja_cursor *cur, int64_t times[STREAMS][PER_STREAM],
			 int64_t from)
{
	unsigned seen[STREAMS], i, total = 0, expected = 0;
	struct deja_event ev;
	struct deja_error err;
	int64_t last = INT64_MIN;
	int rc;

	for (i = 0; i < STREAMS; i++) {
		for (seen[i] = 0; seen[i] < PER_STREAM && times[i][seen[i]] < from;
		     seen[i]++)
			;
		expected += PER_STREAM - seen[i];
	}
	while ((rc = deja_next(cur, &ev, &err)) == 1) {
		assert_in_range(ev.stream, 1, STREAMS);
		i = ev.stream - 1;
		assert_int_equal(ev.number, seen[i] + 1);
		assert_int_equal(ev.time_ns, times[i][seen[i]]);
		assert_int_equal(ev.pid, 1000 + i);
		assert_true(ev.time_ns >= last);
		last = ev.time_ns;
		seen[i]++;
		total++;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(total, expected);
}

static void merged(void **state)
{
	static int64_t times[STREAMS][PER_STREAM];
	struct deja_process processes[STREAMS] = {0};
	struct deja_header h = {.processes = processes, .process_count = STREAMS};
	char *dir = t_dir();
	struct deja_error err;
	int with_header;
	unsigned i;

	write_streams(dir, times);
	for (i = 0; i < STREAMS; i++) {
		processes[i].stream = i + 1;
		processes[i].pid = 1000 + (int)i;
		processes[i].start_ns = times[i][0];
		processes[i].end_ns = times[i][PER_STREAM - 1];
		processes[i].complete = true;
	}
	for (with_header = 0; with_header < 2; with_header++) {
		deja_recording *rec;
		deja_cursor *cur;
		int64_t t;

		if (with_header)
			assert_int_equal(tf_header_write(dir, &h, &err), 0);
		else
			t_write_header(dir);
		rec = t_open_recording(dir);
		cur = t_open_cursor(rec, 0);
		check_merged(cur, times, INT64_MIN);
		for (t = 0; t < 8000; t += 333) {
			assert_int_equal(deja_seek_time(cur, t, &err), 0);
			check_merged(cur, times, t);
		}
		assert_int_equal(deja_seek_time(cur, 1000000, &err), -1);
		assert_int_equal(err.code, DEJA_E_RANGE);
		assert_int_equal(deja_seek_event(cur, 1, &err), -1);
		assert_int_equal(err.code, DEJA_E_RANGE);
		deja_cursor_close(cur);
		deja_close(rec);
	}
	t_remove(dir);
}

/* A merged cursor tells of a damaged stream and goes on with the others. */
static void merged_damaged(void **state)
{
	static int64_t times[STREAMS][PER_STREAM];
	char *dir = t_dir();
	deja_recording *rec;
	deja_cursor *cur;
	struct deja_event ev;
	struct deja_error err;
	unsigned events = 0, errors = 0;
	int rc;

	write_streams(dir, times);
	t_write_header(dir);
	t_write_file(t_path(dir, "p3.zst"), "", 0);
	t_write_file(t_path(dir, "p4.zst"), "no stream at all, just text", 27);
	rec = t_open_recording(dir);
	cur = t_open_cursor(rec, 0);
	while ((rc = deja_next(cur, &ev, &err)) != 0) {
		if (rc > 0) {
			events++;
			continue;
		}
		errors++;
		assert_true(err.code == DEJA_E_TRUNCATED || err.code == DEJA_E_STREAM);
	}
	assert_int_equal(errors, 2);
	assert_int_equal(events, (STREAMS - 2) * PER_STREAM);
	deja_cursor_close(cur);
	deja_close(rec);
	t_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(merged),
	    cmocka_unit_test(merged_damaged),
	};

	return cmocka_run_group_tests_name("merged", tests, NULL, NULL);
}
