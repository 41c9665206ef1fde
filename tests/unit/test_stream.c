/*
 * Streams: what is written is what is read, however the pieces fall; seeking agrees
 * with reading on; zstd and a second decoder accept the file.
 */
#include <signal.h>
#include <sys/resource.h>

#include "t_recording.h"

struct expected {
	unsigned id;
	int64_t time_ns, dur_ns, result, tid;
	uint32_t payload; /* checked by its length and first byte */
};

struct sample {
	uint8_t *bytes;
	size_t len;
	struct expected *events;
	size_t count;
	struct tf_state state;
};

static struct sample make_sample(size_t count, uint32_t payload_max)
{
	struct sample s = {.count = count};
	uint8_t *payload = malloc(payload_max + 1), *p;
	size_t i;

	s.bytes = malloc(count * (payload_max + 64) + 64);
	s.events = calloc(count, sizeof(*s.events));
	assert_true(payload && s.bytes && s.events);
	p = s.bytes;
	tf_state_init(&s.state);
	for (i = 0; i < count; i++) {
		struct expected *e = &s.events[i];
		uint32_t n = (uint32_t)t_random(payload_max + 1), k;
		int64_t dt = (int64_t)t_random(1000), dur = (int64_t)t_random(5000);

		switch (t_random(6)) {
		case 0:
			e->id = TF_EV_THREAD;
			s.state.tid = 100 + (int64_t)t_random(5);
			p = t_put_thread(p, s.state.tid);
			break;
		case 1: {
			unsigned which = (unsigned)t_random(TF_CLOCK_COUNT);
			int64_t delta = (int64_t)t_random(1u << 31) - 1000;

			e->id = TF_EV_CLOCK;
			s.state.clocks[which] += delta;
			p = t_put_clock(p, which, delta);
			break;
		}
		case 2:
			e->id = T_GETPID;
			e->dur_ns = dur;
			e->result = -(int64_t)t_random(1u << 31);
			/* Entered while another thread was running. */
			dt = -(int64_t)t_random((uint64_t)dur + 1);
			s.state.time_ns += dt + dur;
			p = t_put_getpid(p, dt, dur, e->result);
			break;
		default:
			for (k = 0; k < n; k++)
				payload[k] = (uint8_t)(t_random(4) ? 'a' + k % 26
								   : t_random(256));
			e->id = t_random(2) ? T_READ : T_WRITE;
			e->dur_ns = dur;
			e->result = n;
			e->payload = n;
			s.state.time_ns += dt + dur;
			p = t_put_io(p, e->id, dt, dur, payload, n);
		}
		e->time_ns = s.state.time_ns;
		e->tid = s.state.tid;
		s.state.next_number++;
	}
	s.len = (size_t)(p - s.bytes);
	free(payload);
	return s;
}

static void free_sample(struct sample *s)
{
	free(s->bytes);
	free(s->events);
}

static void check_event(const struct deja_event *ev, const struct sample *s, size_t i)
{
	const struct expected *e = &s->events[i];

	assert_int_equal(ev->number, i + 1);
	assert_int_equal(ev->id, e->id);
	assert_int_equal(ev->time_ns, e->time_ns);
	assert_int_equal(ev->dur_ns, e->dur_ns);
	assert_int_equal(ev->result, e->result);
	assert_int_equal(ev->tid, e->tid);
	if (e->id == T_READ || e->id == T_WRITE) {
		assert_int_equal(ev->args[0], 5);
		assert_int_equal(ev->args[1], 0);
		assert_int_equal(ev->args[2], e->payload);
		assert_int_equal(ev->item_count, 1);
		assert_int_equal(ev->items[0].arg, 1);
		assert_int_equal(ev->items[0].inbound, e->id == T_READ);
		assert_true(ev->items[0].present);
		assert_int_equal(ev->items[0].bytes.len, e->payload);
	} else {
		assert_int_equal(ev->item_count, 0);
	}
}

static void check_all(const char *dir, const struct sample *s)
{
	deja_recording *rec = t_open_recording(dir);
	deja_cursor *cur = t_open_cursor(rec, 1);
	struct deja_event ev;
	struct deja_error err;
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (deja_next(cur, &ev, &err) != 1)
			fail_msg("event %zu: %s", i + 1, err.message);
		check_event(&ev, s, i);
	}
	assert_int_equal(deja_next(cur, &ev, &err), 0);
	assert_int_equal(deja_next(cur, &ev, &err), 0);
	deja_cursor_close(cur);
	deja_close(rec);
}

static void split_points(void **state)
{
	struct sample s = make_sample(4000, 300);
	unsigned round;

	for (round = 0; round < 8; round++) {
		static const size_t piece_max[] = {1,	 2,	7,	 100,
						   5000, 70000, 1 << 20, 9};
		char *dir = t_dir();
		struct deja_error err;
		tf_writer *w = tf_writer_open(t_path(dir, "p1.zst"), 1, &err);
		size_t at = 0;

		assert_non_null(w);
		while (at < s.len) {
			size_t n = 1 + t_random(piece_max[round]);

			n = n < s.len - at ? n : s.len - at;
			assert_int_equal(tf_writer_append(w, s.bytes + at, n, &err), 0);
			at += n;
			if (t_random(1000) == 0)
				assert_int_equal(tf_writer_flush(w, &err), 0);
		}
		assert_int_equal(tf_writer_event_count(w), s.count);
		assert_memory_equal(tf_writer_state(w), &s.state, sizeof(s.state));
		assert_true(tf_writer_byte_len(w) >= s.len);
		assert_int_equal(tf_writer_close(w, &err), 0);
		t_write_header(dir);
		check_all(dir, &s);
		t_remove(dir);
	}
	free_sample(&s);
}

static int run(const char *fmt, const char *a, const char *b)
{
	char command[8192];

	snprintf(command, sizeof(command), fmt, a, b);
	return system(command);
}

/* The file is what FORMAT.md says: zstd takes it, and so does a decoder written from
 * that page alone. */
static void other_decoders(void **state)
{
	struct sample s = make_sample(20000, 200);
	char *dir = t_dir(), expected[256], line[256] = "";
	const char *script = "tests/decode.py";
	struct stat st;
	FILE *out;

	t_write_stream(t_path(dir, "p1.zst"), s.bytes, s.len, 100000);
	t_write_header(dir);
	assert_int_equal(stat(t_path(dir, "p1.zst"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	if (run("command -v zstd >/dev/null", "", "") != 0)
		skip();
	assert_int_equal(run("zstd -tq '%s'", t_path(dir, "p1.zst"), ""), 0);
	if (access(script, R_OK) != 0 ||
	    run("command -v python3 >/dev/null", "", "") != 0)
		skip();
	assert_int_equal(
	    run("python3 tests/decode.py '%s' > '%s'", dir, t_path(dir, "out")), 0);
	snprintf(expected, sizeof(expected), "p1 events=%zu last_ns=%lld\n", s.count,
		 (long long)s.state.time_ns);
	out = fopen(t_path(dir, "out"), "r");
	assert_non_null(out);
	assert_non_null(fgets(line, sizeof(line), out));
	fclose(out);
	assert_string_equal(line, expected);
	t_remove(dir);
	free_sample(&s);
}

static void seeks(void **state)
{
	struct sample s = make_sample(6000, 100);
	char *dir = t_dir();
	deja_recording *rec;
	deja_cursor *cur;
	struct deja_event ev;
	struct deja_error err;
	unsigned round;

	t_write_stream(t_path(dir, "p1.zst"), s.bytes, s.len, 3001);
	t_write_header(dir);
	rec = t_open_recording(dir);
	cur = t_open_cursor(rec, 1);
	for (round = 0; round < 600; round++) {
		size_t i = t_random(s.count), k;
		int64_t t = s.events[i].time_ns - (int64_t)t_random(3) + 1;

		assert_int_equal(deja_seek_event(cur, i + 1, &err), 0);
		for (k = i; k < s.count && k < i + 40; k++) {
			assert_int_equal(deja_next(cur, &ev, &err), 1);
			check_event(&ev, &s, k);
		}
		for (k = 0; k < s.count && s.events[k].time_ns < t; k++)
			;
		if (k == s.count) {
			assert_int_equal(deja_seek_time(cur, t, &err), -1);
			assert_int_equal(err.code, DEJA_E_RANGE);
			assert_int_equal(deja_next(cur, &ev, &err), 0);
			continue;
		}
		assert_int_equal(deja_seek_time(cur, t, &err), 0);
		assert_int_equal(deja_next(cur, &ev, &err), 1);
		check_event(&ev, &s, k);
	}
	assert_int_equal(deja_seek_event(cur, 0, &err), -1);
	assert_int_equal(err.code, DEJA_E_RANGE);
	assert_int_equal(deja_seek_event(cur, s.count + 1, &err), -1);
	assert_int_equal(err.code, DEJA_E_RANGE);
	assert_int_equal(deja_next(cur, &ev, &err), 0);
	assert_int_equal(deja_seek_time(cur, INT64_MIN, &err), 0);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	check_event(&ev, &s, 0);
	assert_null(deja_cursor_open(rec, 2, &err));
	assert_int_equal(err.code, DEJA_E_RANGE);
	deja_cursor_close(cur);
	deja_close(rec);
	t_remove(dir);
	free_sample(&s);
}

/* One event much longer than a frame, in pieces, between small ones. */
static void giant_event(void **state)
{
	enum { LEN = 40 << 20 };
	char *dir = t_dir();
	uint8_t head[256], *p, *zeros = calloc(1, LEN);
	deja_recording *rec;
	deja_cursor *cur;
	struct deja_event ev;
	struct deja_error err;
	tf_reader *r;
	tf_writer *w;
	size_t at;

	assert_non_null(zeros);
	w = tf_writer_open(t_path(dir, "p1.zst"), 1, &err);
	assert_non_null(w);
	p = t_put_getpid(head, 1, 1, 7);
	p = tf_put_array(p, 7);
	p = tf_put_uint(p, T_READ);
	p = tf_put_int(p, 10);
	p = tf_put_int(p, 20);
	p = tf_put_int(p, LEN);
	p = tf_put_int(p, 3);
	p = tf_put_int(p, LEN);
	p = tf_put_bin(p, LEN);
	assert_int_equal(tf_writer_append(w, head, (size_t)(p - head), &err), 0);
	for (at = 0; at < LEN; at += 100003) {
		size_t n = LEN - at < 100003 ? LEN - at : 100003;

		assert_int_equal(tf_writer_append(w, zeros + at, n, &err), 0);
	}
	p = t_put_getpid(head, 1, 1, 8);
	assert_int_equal(tf_writer_append(w, head, (size_t)(p - head), &err), 0);
	assert_int_equal(tf_writer_close(w, &err), 0);

	r = tf_reader_open(t_path(dir, "p1.zst"), &err);
	assert_non_null(r);
	assert_int_equal(tf_reader_frame_count(r), 3);
	tf_reader_close(r);
	t_write_header(dir);
	rec = t_open_recording(dir);
	cur = t_open_cursor(rec, 1);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(ev.items[0].bytes.len, LEN);
	assert_memory_equal(ev.items[0].bytes.data, zeros, LEN);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(ev.result, 8);
	assert_int_equal(ev.time_ns, 34);
	assert_int_equal(deja_next(cur, &ev, &err), 0);
	deja_cursor_close(cur);
	deja_close(rec);
	free(zeros);
	t_remove(dir);
}

/* What is no event stops the writer; the events before it stay readable, and the stream
 * does not pass for complete. */
static void bad_input(void **state)
{
	static const uint8_t sync[] = {0x95, 1, 1, 0, 0, 0x90};
	static const uint8_t ext[] = {0x92, 0xd4, 0, 0};
	static const uint8_t empty[] = {0x90};
	static const uint8_t number[] = {7};
	static const uint8_t zero[] = {0x92, 0, 0};
	static const uint8_t short_call[] = {0x93, 71, 0, 0};
	static const struct {
		const uint8_t *bytes;
		size_t len;
	} cases[] = {
	    {sync, sizeof(sync)},   {ext, sizeof(ext)},
	    {empty, sizeof(empty)}, {number, sizeof(number)},
	    {zero, sizeof(zero)},   {short_call, sizeof(short_call)},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *dir = t_dir();
		struct deja_error err;
		struct deja_event ev;
		deja_recording *rec;
		deja_cursor *cur;
		uint8_t buf[64];
		tf_writer *w = tf_writer_open(t_path(dir, "p1.zst"), 1, &err);

		assert_non_null(w);
		assert_int_equal(
		    tf_writer_append(w, buf, (size_t)(t_put_getpid(buf, 3, 4, 5) - buf),
				     &err),
		    0);
		assert_int_equal(
		    tf_writer_append(w, cases[i].bytes, cases[i].len, &err), -1);
		assert_int_equal(err.code, DEJA_E_EVENT);
		assert_int_equal(tf_writer_append(w, buf, 1, &err), -1);
		assert_int_equal(tf_writer_flush(w, &err), -1);
		assert_int_equal(tf_writer_close(w, &err), -1);
		t_write_header(dir);
		rec = t_open_recording(dir);
		cur = t_open_cursor(rec, 1);
		assert_int_equal(deja_next(cur, &ev, &err), 1);
		assert_int_equal(ev.result, 5);
		assert_int_equal(deja_next(cur, &ev, &err), -1);
		assert_int_equal(err.code, DEJA_E_TRUNCATED);
		assert_int_equal(deja_next(cur, &ev, &err), 0);
		deja_cursor_close(cur);
		deja_close(rec);
		t_remove(dir);
	}
}

/* An incomplete event at the end is dropped; a recording being written can be read. */
static void unfinished(void **state)
{
	char *dir = t_dir();
	struct deja_error err;
	struct deja_event ev;
	deja_recording *rec;
	deja_cursor *cur;
	uint8_t buf[64];
	size_t len = (size_t)(t_put_getpid(buf, 3, 4, 5) - buf);
	tf_writer *w = tf_writer_open(t_path(dir, "p1.zst"), 1, &err);

	assert_non_null(w);
	assert_null(tf_writer_open(t_path(dir, "p1.zst"), 1, &err));
	assert_int_equal(err.code, DEJA_E_SYSTEM);
	t_write_header(dir);
	assert_int_equal(tf_writer_append(w, buf, len, &err), 0);
	assert_int_equal(tf_writer_append(w, buf, len - 1, &err), 0);
	assert_int_equal(tf_writer_flush(w, &err), 0);
	assert_int_equal(tf_writer_flush(w, &err), 0);

	rec = t_open_recording(dir);
	assert_false(deja_header(rec)->complete);
	cur = t_open_cursor(rec, 1);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(deja_next(cur, &ev, &err), -1);
	assert_int_equal(err.code, DEJA_E_TRUNCATED);
	deja_cursor_close(cur);
	deja_close(rec);

	assert_int_equal(tf_writer_close(w, &err), 0);
	rec = t_open_recording(dir);
	cur = t_open_cursor(rec, 1);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(deja_next(cur, &ev, &err), 0);
	deja_cursor_close(cur);
	deja_close(rec);
	t_remove(dir);
}

/* A full disk (here: a file size limit) fails once and for all; the frames before it
 * are good. */
static void full_disk(void **state)
{
	struct sample s = make_sample(20000, 200);
	struct rlimit old, small = {300000, RLIM_INFINITY};
	char *dir = t_dir();
	struct deja_error err;
	struct deja_event ev;
	deja_recording *rec;
	deja_cursor *cur;
	tf_writer *w;
	uint64_t n = 0;
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	t_write_header(dir);
	w = tf_writer_open(t_path(dir, "p1.zst"), 1, &err);
	assert_non_null(w);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = tf_writer_append(w, s.bytes, s.len, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, DEJA_E_SYSTEM);
	assert_int_equal(tf_writer_append(w, s.bytes, 1, &err), -1);
	assert_int_equal(tf_writer_close(w, &err), -1);
	rec = t_open_recording(dir);
	cur = t_open_cursor(rec, 1);
	while ((rc = deja_next(cur, &ev, &err)) == 1)
		check_event(&ev, &s, n++);
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, DEJA_E_TRUNCATED);
	assert_true(n > 0 && n < s.count);
	deja_cursor_close(cur);
	deja_close(rec);
	t_remove(dir);
	free_sample(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(split_points),
	    cmocka_unit_test(seeks),
	    cmocka_unit_test(giant_event),
	    cmocka_unit_test(bad_input),
	    cmocka_unit_test(unfinished),
	    cmocka_unit_test(full_disk),
	    cmocka_unit_test(other_decoders),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
