/*
 * The decoder's running state and the boundaries of events (FORMAT.md 3 and 4). Called
 * for every event by the supervisor and by every reader. No allocation, no stdio, no
 * state of its own.
 */
#include <string.h>

#include "calls.h"
#include "scan.h"
#include "stream.h"

void tf_state_init(struct tf_state *st)
{
	memset(st, 0, sizeof(*st));
	st->next_number = 1;
}

/* Hostile deltas may overflow: they wrap. */
static int64_t add_wrapping(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void apply_sync(struct tf_state *st, struct tf_in *in)
{
	uint32_t count, i;

	memset(st, 0, sizeof(*st));
	st->next_number = (uint64_t)tf_get_int(in);
	st->time_ns = tf_get_int(in);
	st->tid = tf_get_int(in);
	count = tf_get_array(in);
	for (i = 0; i < count && !in->bad; i++) {
		int64_t ns = tf_get_int(in);

		if (i < TF_CLOCK_COUNT)
			st->clocks[i] = ns;
	}
}

/* The image's own thread runs on. */
static void apply_image(struct tf_state *st, struct tf_in *in)
{
	uint32_t count = tf_get_map(in), len;

	while (count-- && !in->bad) {
		const uint8_t *key = tf_get_bytes(in, &len);

		if (!in->bad && len == 3 && memcmp(key, "tid", 3) == 0)
			st->tid = tf_get_int(in);
		else
			tf_skip(in);
	}
}

int tf_state_apply(struct tf_state *st, const uint8_t *ev, size_t len)
{
	struct tf_in in = {ev, ev + len, 0};
	uint32_t count = tf_get_array(&in);
	int64_t id = tf_get_int(&in);
	struct tf_state next;

	if (in.bad || id < 1 || id > UINT16_MAX)
		return -1;
	if (id >= TF_ID_FIRST) {
		int64_t dt = tf_get_int(&in);
		int64_t dur = tf_get_int(&in);

		if (in.bad || count < 4)
			return -1;
		st->time_ns = add_wrapping(st->time_ns, add_wrapping(dt, dur));
		st->next_number++;
		return 0;
	}
	if (id == TF_EV_CLOCK) {
		uint64_t which = (uint64_t)tf_get_int(&in);
		int64_t delta = tf_get_int(&in);

		if (in.bad || count < 3 || which >= TF_CLOCK_COUNT)
			return -1;
		st->clocks[which] = add_wrapping(st->clocks[which], delta);
		st->next_number++;
		return 0;
	}
	/* The rest is rare. *st is unchanged when it does not decode. */
	next = *st;
	next.next_number++;
	switch (id) {
	case TF_EV_SYNC:
		if (count < 5)
			return -1;
		apply_sync(&next, &in);
		break;
	case TF_EV_THREAD:
		if (count < 2)
			return -1;
		next.tid = tf_get_int(&in);
		break;
	case TF_EV_IMAGE:
		if (count < 3)
			return -1;
		next.time_ns = add_wrapping(next.time_ns, tf_get_int(&in));
		apply_image(&next, &in);
		break;
	case TF_EV_CHILD:
		if (count < 6)
			return -1;
		next.time_ns = add_wrapping(next.time_ns, tf_get_int(&in));
		tf_skip(&in);
		tf_skip(&in);
		tf_skip(&in);
		next.tid = tf_get_int(&in);
		break;
	case TF_EV_START:
	case TF_EV_PREEMPT:
		if (count < 2)
			return -1;
		next.time_ns = add_wrapping(next.time_ns, tf_get_int(&in));
		break;
	case TF_EV_SIGNAL:
	case TF_EV_EXEC:
	case TF_EV_END:
		if (count < 3)
			return -1;
		next.time_ns = add_wrapping(next.time_ns, tf_get_int(&in));
		break;
	default: /* untimed, or reserved: counted, nothing more */
		break;
	}
	if (in.bad)
		return -1;
	*st = next;
	return 0;
}

size_t tf_state_sync(const struct tf_state *st, uint8_t *buf)
{
	uint8_t *p = tf_put_array(buf, 5);
	unsigned i;

	p = tf_put_uint(p, TF_EV_SYNC);
	p = tf_put_uint(p, st->next_number);
	p = tf_put_int(p, st->time_ns);
	p = tf_put_int(p, st->tid);
	p = tf_put_array(p, TF_CLOCK_COUNT);
	for (i = 0; i < TF_CLOCK_COUNT; i++)
		p = tf_put_int(p, st->clocks[i]);
	return (size_t)(p - buf);
}

long tf_event_len(const uint8_t *buf, size_t len)
{
	struct tf_scan s;
	struct tf_in in = {buf, buf + len, 0};
	int done;

	tf_scan_begin(&s);
	done = tf_scan_continue(&s, buf, len);
	if (done <= 0)
		return done;
	tf_get_array(&in);
	if (tf_get_int(&in) < 1 || in.bad)
		return -1;
	return (long)s.pos;
}
