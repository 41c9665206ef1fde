/*
 * The head of the stream: where this process stands in its recording. The supervisor has
 * unpacked the streams into the session's directory; here they are mapped read-only.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <sys/sem.h>
#include "preload/own_memory.h"
#include "preload/patch.h"
#include "replay.h"
#include "pace.h"

enum { STREAM_ROOM_SHIFT = 36 };

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
	fd = dj_raw(SYS_open, path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	*len = 0;
	if (!dj_raw(SYS_fstat, fd, &st))
		*len = (uint64_t)st.st_size;
	r = *len ? dj_raw(SYS_mmap, at, *len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			  fd, 0)
		 : -1;
	dj_raw(SYS_close, fd);
	return r == (long)at;
}

bool head_open(uint32_t stream, uint64_t pos)
{
	struct stream_head *head = (struct stream_head *)DJ_STREAM;
	uint64_t len;

	if (RT->stream)
		dj_raw(SYS_munmap, DJ_STREAM, RT->stream_map_len);
	RT->stream = NULL;
	if (!map_stream(stream, DJ_STREAM, &len) || !head->total || pos > head->total)
		return false;
	RT->stream = head;
	RT->stream_map_len = len;
	RT->stream_total = head->total;
	RT->stream_pos = pos;
	RT->peeked_pos = RT->pause_looked = ~0ull;
	RT->frame_len = 0;
	return true;
}

/* Makes the frame that holds pos the one looked at; waits until it has been unpacked. False:
 * the stream ends there. */
static bool find_frame(uint64_t pos)
{
	struct stream_head *head = RT->stream;
	struct k_timespec step = {0, 50 * 1000};

	for (;;) {
		uint64_t ready = __atomic_load_n(&head->ready, __ATOMIC_ACQUIRE);

		for (uint32_t i = 0; i < head->slot_count && pos < ready; i++) {
			struct stream_frame *f = &head->frame[i];
			uint64_t len = __atomic_load_n(&f->len, __ATOMIC_ACQUIRE);

			if (pos - f->start >= len || pos < f->start)
				continue;
			RT->frame = (const uint8_t *)head + STREAM_HEAD_LEN + i * head->slot_len;
			RT->frame_start = f->start;
			RT->frame_len = len;
			if (f->start > head->consumed)
				__atomic_store_n(&head->consumed, f->start, __ATOMIC_RELEASE);
			return true;
		}
		if (pos >= RT->stream_total)
			return false;
		halt_if_over(RT->session);
		dj_raw(SYS_nanosleep, &step, 0);
	}
}

/* The bytes from pos to the end of its frame; waits until they have been unpacked. bad: the
 * stream ends there. Valid until events some frames further are looked at. */
static struct tf_in head_in(uint64_t pos)
{
	struct tf_in none = {NULL, NULL, 1};

	if (pos - RT->frame_start >= RT->frame_len && !find_frame(pos))
		return none;
	return (struct tf_in){RT->frame + (pos - RT->frame_start),
			      RT->frame + RT->frame_len, 0};
}

/* The event that begins at `in`, which is at pos. */
static struct event event_at(struct tf_in in, uint64_t pos)
{
	struct event ev = {.in = in};
	struct tf_in skip = in;
	unsigned count;

	if (in.bad)
		return ev; /* the end */
	tf_skip(&skip);
	count = tf_get_array(&ev.in);
	ev.id = (unsigned)tf_get_int(&ev.in);
	if (skip.bad || ev.in.bad || !count || !ev.id) {
		ev.id = ~0u; /* matches nothing */
		ev.next = pos + (uint64_t)(in.end - in.p);
		return ev;
	}
	ev.count = count - 1;
	ev.next = pos + (uint64_t)(skip.p - in.p);
	return ev;
}

static bool is_prefix(unsigned id)
{
	return tf_event_is_reserved(id) || id == TF_EV_SYNC || id == TF_EV_THREAD || id == TF_EV_OUTPUT ||
	       id == TF_EV_SPAWN || id == TF_EV_FILE || id == TF_EV_SHADOW || id == TF_EV_NOTE ||
	       id == TF_EV_STACK || id == TF_EV_MOVED || id == TF_EV_ADDRESS;
}

struct event head_peek(struct thread *t)
{
	if (RT->peeked_pos == RT->stream_pos)
		return RT->peeked;
	for (;;) {
		struct event ev;
		struct tf_in in;

		ev = event_at(head_in(RT->stream_pos), RT->stream_pos);
		in = ev.in;

		if (!is_prefix(ev.id)) {
			if (RT->session->paced)
				pace_reached(t, &ev);
			RT->peeked = ev;
			RT->peeked_pos = RT->stream_pos;
			return ev;
		}
		switch (ev.id) {
		case TF_EV_SYNC:
			tf_get_int(&in); /* number */
			t->slot->last_time_ns = tf_get_int(&in);
			break;
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
			RT->pending_oracle_count = ev.count > 2 ? tf_get_array(&in) : 0;
			RT->pending_oracles = in;
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

struct memory_room head_memory_room(long nr, const unsigned long args[6])
{
	if (nr == SYS_semctl && (int)args[2] == GETALL)
		return (struct memory_room){args[3], semaphores_room((int32_t)args[0])};
	return memory_beside(nr, args, false);
}

struct memory_room head_segment_room(uint64_t addr)
{
	for (unsigned i = 0; i < SEGMENT_MAX; i++)
		if (RT->segments[i].len && RT->segments[i].addr == addr)
			return (struct memory_room){addr, RT->segments[i].len};
	return (struct memory_room){0, 0};
}

static void advance(struct thread *t, const struct event *ev)
{
	RT->stream_pos = ev->next;
	if (ev->id != TF_EV_SYNC)
		RT->event_no++;
	t->slot->consumed = RT->stream_pos;
	t->slot->event_no = RT->event_no;
}

static bool is_memory(struct tf_in in)
{
	return !in.bad && in.end - in.p >= 2 && in.p[0] == 0x93 && in.p[1] == TF_EV_MEMORY;
}

/* A frame begins here. */
static bool is_sync(struct tf_in in)
{
	return !in.bad && in.end - in.p >= 2 && in.p[1] == TF_EV_SYNC;
}

/* Whether such a call may have written these bytes there: they are what it sent, which is looked at, and
 * what is ours is never written. Whether its descriptor is memory, and at which offset that stood, is
 * not known here. */
static bool is_sent(struct thread *t, long nr, const unsigned long args[6], const struct file_write *w, long result,
		    uint64_t addr, const uint8_t *bytes, size_t len)
{
	struct k_iovec one = {(void *)args[1], args[2]};
	const struct k_iovec *iov = w->vector ? (const void *)args[1] : &one;
	size_t count = w->vector ? args[2] : 1;

	if (!args[1] || result < (long)len || (w->placed && addr != args[3]) || addr + len < addr ||
	    own_memory_holds(addr, addr + len))
		return false;
	for (size_t i = 0; i < count && len; i++) {
		size_t n = iov[i].len < len ? iov[i].len : len;

		if (n)
			match_sent(t, nr, args, 1, bytes, iov[i].base, n);
		bytes += n;
		len -= n;
	}
	return !len;
}

void head_take_memory(struct thread *t, long nr, const unsigned long args[6], long result, struct memory_room room)
{
	struct file_write w;
	bool sends = file_write_of(nr, args, &w);

	for (;;) {
		struct tf_in in = head_in(RT->stream_pos);
		struct event ev;
		uint64_t addr;
		uint32_t len;
		const uint8_t *bytes;

		/* most calls have none: look at the id alone */
		if (!is_memory(in) && !is_sync(in))
			return;
		ev = event_at(in, RT->stream_pos);
		if (ev.id == TF_EV_SYNC) {
			if (!is_memory(head_in(ev.next)))
				return;
			advance(t, &ev);
			ev = event_at(head_in(RT->stream_pos), RT->stream_pos);
		}
		addr = (uint64_t)tf_get_int(&ev.in);
		bytes = tf_get_bytes(&ev.in, &len);
		if (ev.in.bad || (!sends && (addr != room.addr || len > room.len)))
			diverge(t, DIVERGED_UNDECODABLE, nr, args, "memory written by a call");
		if (sends && !is_sent(t, nr, args, &w, result, addr, bytes, len))
			diverge(t, DIVERGED_UNDECODABLE, nr, args, "memory written by a call");
		if (!dj_write_user((void *)addr, bytes, len) && !(sends && code_write(addr, bytes, len, false)))
			diverge(t, DIVERGED_UNDECODABLE, nr, args, "memory written by a call");
		head_take(t, &ev);
	}
}

void head_take(struct thread *t, const struct event *ev)
{
	advance(t, ev);
	preempt_look(t);
}

unsigned head_take_domains(struct thread *t, uint64_t turn[DOMAIN_COUNT])
{
	unsigned found = 0;

	for (;;) {
		struct event ev = event_at(head_in(RT->stream_pos), RT->stream_pos);
		uint64_t domain, number;

		if (ev.id == TF_EV_DOMAIN) {
			domain = (uint64_t)tf_get_int(&ev.in);
			number = (uint64_t)tf_get_int(&ev.in);
			if (ev.in.bad || domain >= DOMAIN_COUNT || !number || number != TURN_NUMBER(number))
				diverge(t, DIVERGED_UNDECODABLE, 0, NULL, "a domain's turn");
			if (found >> domain & 1)
				return found; /* the next crossing's */
			found |= 1u << domain;
			turn[domain] = number;
		} else if (ev.id != TF_EV_SYNC) {
			return found;
		}
		advance(t, &ev);
	}
}

struct event head_look(int64_t *tid)
{
	uint64_t pos = RT->stream_pos;

	*tid = RT->replay_tid;
	for (;;) {
		struct event ev = event_at(head_in(pos), pos);

		if (ev.id == TF_EV_THREAD)
			*tid = tf_get_int(&ev.in);
		else if (ev.id != TF_EV_SYNC && ev.id != TF_EV_NOTE)
			return ev;
		pos = ev.next;
	}
}

struct event head_peek_behind(const struct event *ev)
{
	struct event next = {.id = TF_EV_SYNC, .next = ev->next};

	while (is_prefix(next.id) || next.id == TF_EV_DOMAIN)
		next = event_at(head_in(next.next), next.next);
	return next;
}

struct event head_first_of(uint32_t stream)
{
	uint64_t base = DJ_STREAM + (1ull << STREAM_ROOM_SHIFT), len;
	struct event ev = {.id = TF_EV_SYNC};
	const struct stream_head *head;
	const uint8_t *events;

	if (!map_stream(stream, base, &len)) {
		ev.id = 0;
		return ev;
	}
	/* a stream's beginning is unpacked before anything runs, in slot 0 */
	head = (const struct stream_head *)base;
	events = (const uint8_t *)base + STREAM_HEAD_LEN;
	for (uint64_t pos = 0; pos < head->frame[0].len && is_prefix(ev.id); pos = ev.next)
		ev = event_at((struct tf_in){events + pos, events + head->frame[0].len, 0}, pos);
	if (is_prefix(ev.id))
		ev.id = 0;
	return ev;
}
