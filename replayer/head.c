/*
 * The head of the stream: where this process stands in its recording. The supervisor has
 * unpacked the streams into the session's directory; here they are mapped read-only.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include "replay.h"

enum { STREAM_ROOM_SHIFT = 40 };

static bool map_stream(uint32_t stream, uint64_t at, uint64_t *len)
{
	char path[SESSION_DIR_LEN + 16], *p = path + SESSION_DIR_LEN;
	struct stat st;
	long fd, r;

	dj_copy(path, RT->dir, SESSION_DIR_LEN);
	*p++ = '/';
	*p++ = 's';
	p = dj_put_dec(p, stream);
	*p = 0;
	fd = dj_raw(SYS_open, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	*len = 0;
	if (!dj_raw(SYS_fstat, fd, &st))
		*len = (uint64_t)st.st_size;
	r = *len ? dj_raw(SYS_mmap, at, *len, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) : -1;
	dj_raw(SYS_close, fd);
	return r == (long)at;
}

bool head_open(uint32_t stream, uint64_t pos)
{
	const struct stream_head *head = (const struct stream_head *)DJ_STREAM;
	uint64_t len;

	if (RT->stream)
		dj_raw(SYS_munmap, DJ_STREAM, STREAM_HEAD_LEN + RT->stream_total);
	RT->stream = NULL;
	if (!map_stream(stream, DJ_STREAM, &len) || !head->total ||
	    pos > head->total)
		return false;
	RT->stream = (const uint8_t *)DJ_STREAM + STREAM_HEAD_LEN;
	RT->stream_len = __atomic_load_n(&head->ready, __ATOMIC_ACQUIRE);
	RT->stream_total = head->total;
	RT->stream_pos = pos;
	RT->peeked_pos = ~0ull;
	return true;
}

void head_reach(uint64_t pos)
{
	const struct stream_head *head = (const struct stream_head *)DJ_STREAM;
	struct k_timespec step = {0, 50 * 1000};

	while (pos >= RT->stream_len && RT->stream_len < RT->stream_total) {
		RT->stream_len = __atomic_load_n(&head->ready, __ATOMIC_ACQUIRE);
		if (pos >= RT->stream_len)
			dj_raw(SYS_nanosleep, &step, 0);
	}
}

static struct event event_at(const uint8_t *base, uint64_t pos, uint64_t len)
{
	struct event ev = {0};
	struct tf_in skip;
	unsigned count;

	if (pos >= len)
		return ev;
	ev.in = (struct tf_in){base + pos, base + len, 0};
	skip = ev.in;
	tf_skip(&skip);
	count = tf_get_array(&ev.in);
	ev.id = (unsigned)tf_get_int(&ev.in);
	if (skip.bad || ev.in.bad || !count || !ev.id) {
		ev.id = ~0u; /* matches nothing */
		ev.next = len;
		return ev;
	}
	ev.count = count - 1;
	ev.next = (uint64_t)(skip.p - base);
	return ev;
}

static bool is_prefix(unsigned id)
{
	return id == TF_EV_SYNC || id == TF_EV_THREAD || id == TF_EV_OUTPUT ||
	       id == TF_EV_SPAWN || id == TF_EV_FILE || id == TF_EV_SHADOW || id == TF_EV_NOTE;
}

struct event head_peek(struct thread *t)
{
	if (RT->peeked_pos == RT->stream_pos)
		return RT->peeked;
	for (;;) {
		struct event ev;
		struct tf_in in;

		head_reach(RT->stream_pos);
		ev = event_at(RT->stream, RT->stream_pos, RT->stream_len);
		in = ev.in;

		if (!is_prefix(ev.id)) {
			RT->peeked = ev;
			RT->peeked_pos = RT->stream_pos;
			return ev;
		}
		switch (ev.id) {
		case TF_EV_THREAD:
			RT->replay_tid = tf_get_int(&in);
			break;
		case TF_EV_OUTPUT:
			RT->pending_seq = (uint64_t)tf_get_int(&in);
			RT->pending_role = (uint32_t)tf_get_int(&in);
			break;
		case TF_EV_SPAWN:
			RT->pending_stream = (uint32_t)tf_get_int(&in);
			break;
		case TF_EV_FILE:
			RT->pending_file = (uint32_t)tf_get_int(&in);
			RT->pending_shadow = ev.count > 1 ? (uint32_t)tf_get_int(&in) : 0;
			break;
		case TF_EV_SHADOW:
			RT->pending_shadow = (uint32_t)tf_get_int(&in);
			RT->pending_offset = tf_get_int(&in);
			RT->pending_size = (uint64_t)tf_get_int(&in);
			break;
		}
		RT->stream_pos = ev.next;
		if (ev.id != TF_EV_SYNC)
			RT->event_no++;
		t->slot->consumed = RT->stream_pos;
		t->slot->event_no = RT->event_no;
	}
}

void head_take_memory(struct thread *t)
{
	struct event ev;

	/* most calls have none: look at the id alone */
	head_reach(RT->stream_pos);
	while (RT->stream_pos + 2 < RT->stream_len && RT->stream[RT->stream_pos] == 0x93 &&
	       RT->stream[RT->stream_pos + 1] == TF_EV_MEMORY) {
		uint64_t addr;
		uint32_t len;
		const uint8_t *bytes;

		ev = event_at(RT->stream, RT->stream_pos, RT->stream_len);
		addr = (uint64_t)tf_get_int(&ev.in);
		bytes = tf_get_bytes(&ev.in, &len);
		if (ev.in.bad || !dj_write_user((void *)addr, bytes, len))
			diverge(t, DIVERGED_UNDECODABLE, 0, NULL, "memory written by a call");
		head_take(t, &ev);
		head_reach(RT->stream_pos);
	}
}

void head_take(struct thread *t, const struct event *ev)
{
	RT->stream_pos = ev->next;
	RT->event_no++;
	t->slot->consumed = RT->stream_pos;
	t->slot->event_no = RT->event_no;
	preempt_look(t);
}

struct event head_peek_behind(const struct event *ev)
{
	struct event next = {.id = TF_EV_SYNC, .next = ev->next};

	while (is_prefix(next.id)) {
		head_reach(next.next);
		next = event_at(RT->stream, next.next, RT->stream_len);
	}
	return next;
}

struct event head_first_of(uint32_t stream, uint64_t *base, uint64_t *len)
{
	struct event ev = {0};
	const uint8_t *events;
	uint64_t ready;

	*base = DJ_STREAM + (1ull << STREAM_ROOM_SHIFT);
	if (!map_stream(stream, *base, len)) {
		*len = 0;
		return ev;
	}
	/* a stream's beginning is unpacked before anything runs */
	ready = ((const struct stream_head *)*base)->ready;
	events = (const uint8_t *)*base + STREAM_HEAD_LEN;
	ev = event_at(events, 0, ready);
	while (is_prefix(ev.id))
		ev = event_at(events, ev.next, ready);
	return ev;
}

void head_unmap(uint64_t base, uint64_t len)
{
	if (len)
		dj_raw(SYS_munmap, base, len);
}
