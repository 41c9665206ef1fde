/*
 * Single events: how long they are, what a reader's state becomes, and what their arguments are.
 */
#include "t_recording.h"

/* One call event from its elements behind the id; the header and the two times are
 * added. */
static uint8_t *put_call(uint8_t *p, unsigned id, unsigned count, const char *rest,
			 size_t len)
{
	p = tf_put_array(p, 4 + count);
	p = tf_put_uint(p, id);
	memcpy(p, "\0\0\0", 3);
	memcpy(p + 3, rest, len);
	return p + 3 + len;
}

/* What an argument is depends on the request before it: among the scalars, among the
 * items, or ignored: a scalar 0. */
static void sub_arguments(void **state)
{
	enum { OPEN = 34, IOCTL = 48, FCNTL = 104 };
	char *dir = t_dir();
	uint8_t buf[512], *p = buf;
	struct deja_error err;
	struct deja_event ev;
	deja_recording *rec;
	deja_cursor *cur;
	const struct tf_call *call;
	unsigned long args[6] = {0};
	unsigned id, i;
	int known;

	/* A reader resolves from left to right: no request stands behind its argument.
	 */
	for (id = TF_ID_FIRST; id < TF_ID_FIRST + TF_CALL_MAX; id++)
		for (call = tf_call_by_id(id), i = 0; call && i < call->nargs; i++)
			if (call->arg[i].kind == TF_MEM && call->arg[i].rule == TF_SUB)
				assert_in_range(call->arg[i].ref, 1, i);

	p = put_call(p, OPEN, 3, "\0\0\xc4\2a\0", 6);	/* flags, no mode: 0, path */
	p = put_call(p, OPEN, 3, "\x40\xcd\1\xb4\xc4\2b\0", 8); /* O_CREAT: mode */
	p = put_call(p, IOCTL, 3,
		     "\1\xcd\x54\x13\xc4\x08"
		     "abcdefgh",
		     14); /* TIOCGWINSZ */
	p = put_call(p, IOCTL, 4, "\1\xce\xc0\x02\x7f\xff\xc4\2xy\xc4\2zw", 14);
	p = put_call(p, FCNTL, 3, "\1\4\xcd\x08\0", 5); /* F_SETFL */
	p = put_call(p, FCNTL, 3, "\1\3\0", 3);		/* F_GETFL */
	t_write_header(dir);
	t_write_stream(t_path(dir, "p1.zst"), buf, (size_t)(p - buf), 0);
	rec = t_open_recording(dir);
	cur = t_open_cursor(rec, 1);

	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(ev.args[2], 0);
	assert_int_equal(ev.item_count, 1);
	assert_memory_equal(ev.items[0].bytes.data, "a", 2);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(ev.args[1], 0100);
	assert_int_equal(ev.args[2], 0664);
	assert_memory_equal(ev.items[0].bytes.data, "b", 2);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(ev.item_count, 1);
	assert_int_equal(ev.items[0].arg, 2);
	assert_true(ev.items[0].inbound);
	assert_int_equal(ev.items[0].bytes.len, 8);
	/* Unknown, but its number says: two bytes both ways. */
	tf_arg_resolve(tf_call_by_id(IOCTL), 2, (args[1] = 0xc0027fff, args), &known);
	assert_false(known);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(ev.item_count, 2);
	assert_false(ev.items[0].inbound);
	assert_memory_equal(ev.items[0].bytes.data, "xy", 2);
	assert_true(ev.items[1].inbound);
	assert_memory_equal(ev.items[1].bytes.data, "zw", 2);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(ev.args[2], 0x800);
	assert_int_equal(ev.item_count, 0);
	assert_int_equal(deja_next(cur, &ev, &err), 1);
	assert_int_equal(ev.args[2], 0);
	assert_int_equal(ev.item_count, 0);
	assert_int_equal(deja_next(cur, &ev, &err), 0);
	deja_cursor_close(cur);
	deja_close(rec);
	t_remove(dir);
}

static void event_len(void **state)
{
	uint8_t buf[512], *end = t_put_io(buf, T_READ, 1, 2, "0123456789", 10);
	size_t len = (size_t)(end - buf), n;
	struct tf_state st, again;

	for (n = 0; n < len; n++)
		assert_int_equal(tf_event_len(buf, n), 0);
	assert_int_equal(tf_event_len(buf, len), len);
	assert_int_equal(tf_event_len(buf, sizeof(buf)), len);
	assert_int_equal(tf_event_len((const uint8_t *)"\xc1", 1), -1);
	assert_int_equal(tf_event_len((const uint8_t *)"\x91\x00", 2), -1);
	assert_int_equal(tf_event_len((const uint8_t *)"\x91\xc0", 2), -1);
	/* Nothing to hold it all back from a decoder's stack. */
	memset(buf, 0x91, sizeof(buf));
	assert_int_equal(tf_event_len(buf, sizeof(buf)), 0);

	tf_state_init(&st);
	st.next_number = UINT64_MAX;
	st.time_ns = INT64_MIN;
	for (n = 0; n < TF_CLOCK_COUNT; n++)
		st.clocks[n] = INT64_MIN + (int64_t)n;
	len = tf_state_sync(&st, buf);
	assert_true(len <= TF_SYNC_MAX);
	assert_int_equal(tf_event_len(buf, len), len);
	tf_state_init(&again);
	assert_int_equal(tf_state_apply(&again, buf, len), 0);
	assert_memory_equal(&st, &again, sizeof(st));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(event_len),
	    cmocka_unit_test(sub_arguments),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
