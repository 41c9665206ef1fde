/*
 * Matching a call with an event: same call, same scalars, same outbound bytes; then the
 * inbound bytes are copied to where the program wants them. No length from the recording
 * is used before it was held against the live call's own.
 */
#include <errno.h>
#include "replay.h"
#include "tracefmt/xlat.h"

enum { FLAG_TRUNC = 0x20 /* MSG_TRUNC: a datagram's own length is asked for */ };

/* Everything the item functions need. */
struct match {
	struct thread *t;
	const struct tf_call *call;
	const unsigned long *args;
	long result;
	unsigned index; /* argument */
};

static void bad_event(const struct match *m)
{
	diverge(m->t, DIVERGED_UNDECODABLE, m->call->nr, m->args, "");
}

/* The recorded bytes' place, in the unpacked stream that is shared with the tool, to be overwritten
 * by what the program sends now; NULL unless this replay is there for that. */
static uint8_t *rederived_place(const uint8_t *expected)
{
	struct session *s = RT->session;

	if (!s->rederive)
		return NULL;
	__atomic_fetch_add(&s->rederived, 1, __ATOMIC_SEQ_CST);
	return (uint8_t *)expected;
}

static void check_bytes(const struct match *m, const uint8_t *expected, size_t expected_len,
			const uint8_t *got, size_t got_len)
{
	size_t n = expected_len < got_len ? expected_len : got_len;
	uint8_t *place;

	if (expected_len == got_len && !dj_compare(expected, got, n))
		return;
	place = expected_len == got_len ? rederived_place(expected) : NULL;
	if (place) {
		dj_copy(place, got, got_len);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (expected[i] != got[i])
			n = i;
	diverge_bytes(m->t, m->call->nr, m->args, m->index, n, expected, expected_len, got,
		      got_len);
}

/* Outbound bytes in one piece: stored or as a digest. */
static void check_outbound(const struct match *m, struct tf_in *in, const void *got,
			   size_t got_len)
{
	uint32_t len;
	const uint8_t *expected;
	uint8_t type = tf_peek(in);

	if (tf_get_nil(in))
		return;
	if (type < 0x80 || (type >= 0xcc && type <= 0xcf)) {
		const uint8_t *at = in->p;
		uint64_t digest = (uint64_t)tf_get_int(in), now = dj_xxh64(got, got_len);
		uint8_t packed[TF_INT_MAX_LEN], *place;
		size_t packed_len = (size_t)(tf_put_uint(packed, now) - packed);

		if (digest == now)
			return;
		place = packed_len == (size_t)(in->p - at) ? rederived_place(at) : NULL;
		if (place)
			dj_copy(place, packed, packed_len);
		else
			diverge_bytes(m->t, m->call->nr, m->args, m->index, 0, NULL, 0, got,
				      got_len);
		return;
	}
	expected = tf_get_bytes(in, &len);
	if (in->bad)
		bad_event(m);
	check_bytes(m, expected, len, got, got_len);
}

static void check_string(const struct match *m, struct tf_in *in, const char *got)
{
	uint32_t len, i = 0;
	const uint8_t *expected;

	if (tf_get_nil(in))
		return;
	expected = tf_get_bytes(in, &len);
	if (in->bad || !got)
		bad_event(m);
	while (i < len && expected[i] == (uint8_t)got[i])
		if (!got[i++]) /* the live string ends here */
			break;
	if (i < len && dj_strlen(got) == len - 1) {
		uint8_t *place = rederived_place(expected);

		if (place) {
			dj_copy(place, (const uint8_t *)got, len);
			return;
		}
	}
	if (i < len)
		diverge_bytes(m->t, m->call->nr, m->args, m->index, i, expected, len,
			      (const uint8_t *)got, dj_strlen(got) + 1);
}

/* A result that counts more than there is room for: no kernel says so, and the program would go on
 * beyond its own buffer. */
static void check_count(const struct match *m, int64_t count, uint64_t room)
{
	if (count > 0 && (uint64_t)count > room)
		diverge(m->t, DIVERGED_OTHER, m->call->nr, m->args,
			"the recorded result is more than the program's buffer holds");
}

/* Calls that say how much there is, whatever room they got. */
static bool may_count_more(const struct match *m, uint64_t room)
{
	unsigned flags = tf_flags_resolve(m->call, m->args);

	if (flags & TF_ASKS_LEN && !room)
		return true;
	for (unsigned i = 0; flags & TF_TELLS_ALL && i < m->call->nargs; i++)
		if (m->call->arg[i].xlat == TF_X_MSG)
			return m->args[i] & FLAG_TRUNC;
	return flags & TF_TELLS_ALL;
}

static void check_len(const struct match *m, int64_t count, uint64_t room)
{
	if (count > 0 && (uint64_t)count > room && !may_count_more(m, room))
		check_count(m, count, room);
}

static uint64_t iovec_room(const struct k_iovec *iov, size_t count)
{
	uint64_t room = 0;

	for (size_t i = 0; i < count; i++)
		room += iov[i].len;
	return room;
}

static void iovec_exchange(const struct match *m, const uint8_t *bytes, size_t len,
			   const struct k_iovec *iov, size_t count, bool inbound)
{
	for (size_t i = 0; i < count && len; i++) {
		size_t n = iov[i].len < len ? iov[i].len : len;

		if (inbound)
			dj_copy(iov[i].base, bytes, n);
		else
			check_bytes(m, bytes, n, iov[i].base, n);
		bytes += n;
		len -= n;
	}
	if (len)
		diverge(m->t, DIVERGED_OTHER, m->call->nr, m->args,
			"the recorded data is longer than the program's vectors");
}

static void do_iovec(const struct match *m, struct tf_in *in, const struct k_iovec *iov,
		     size_t count, bool inbound)
{
	uint32_t len;
	const uint8_t *bytes;

	if (tf_get_nil(in))
		return;
	bytes = tf_get_bytes(in, &len);
	if (in->bad)
		bad_event(m);
	iovec_exchange(m, bytes, len, iov, count, inbound);
}

static size_t live_name_len(const struct k_msghdr *msg)
{
	return msg->name && msg->namelen > 0 ? (size_t)msg->namelen : 0;
}

static size_t live_control_len(const struct k_msghdr *msg)
{
	return msg->control ? msg->controllen : 0;
}

static void do_msg(const struct match *m, struct tf_in *in, struct k_msghdr *msg, bool inbound)
{
	const uint8_t *name, *control;
	uint32_t name_len = 0, control_len = 0;
	int64_t flags, full_name_len, full_control_len;

	if (tf_get_nil(in))
		return;
	if (tf_get_array(in) != 6 || !msg)
		bad_event(m);
	name = tf_get_nil(in) ? NULL : tf_get_bytes(in, &name_len);
	if (!inbound && name) /* after the data's check would be too late to move back */
		check_bytes(m, name, name_len, msg->name, live_name_len(msg));
	do_iovec(m, in, msg->iov, msg->iovlen, inbound);
	control = tf_get_nil(in) ? NULL : tf_get_bytes(in, &control_len);
	flags = tf_get_int(in);
	full_name_len = tf_get_int(in);
	full_control_len = tf_get_int(in);
	if (in->bad)
		bad_event(m);
	if (!inbound) {
		if (control)
			check_bytes(m, control, control_len, msg->control, live_control_len(msg));
		return;
	}
	if ((uint64_t)full_control_len > msg->controllen)
		bad_event(m);
	/* a name that was cut is recorded with the length it would have had */
	if (name)
		dj_copy(msg->name, name,
			name_len < live_name_len(msg) ? name_len : live_name_len(msg));
	if (control)
		dj_copy(msg->control, control,
			control_len < live_control_len(msg) ? control_len : live_control_len(msg));
	msg->namelen = (int32_t)full_name_len;
	msg->controllen = (uint64_t)full_control_len;
	msg->flags = (int32_t)flags;
}

static void do_mmsg(const struct match *m, struct tf_in *in, char *vec, uint32_t vec_count,
		    bool inbound)
{
	const struct k_msghdr *msg;
	uint32_t count, len;

	check_count(m, m->result, vec_count);
	if (tf_get_nil(in))
		return;
	count = tf_get_array(in);
	if (in->bad || !vec || count > vec_count)
		bad_event(m);
	for (uint32_t i = 0; i < count; i++, vec += sizeof(struct k_msghdr) + 8) {
		if (tf_get_array(in) != 2)
			bad_event(m);
		msg = (const struct k_msghdr *)vec;
		do_msg(m, in, (struct k_msghdr *)vec, inbound);
		len = (uint32_t)tf_get_int(in);
		if (inbound)
			check_len(m, len, iovec_room(msg->iov, msg->iovlen));
		*(uint32_t *)(vec + sizeof(struct k_msghdr)) = len;
	}
}

static void check_strv(const struct match *m, struct tf_in *in, char *const *v)
{
	uint32_t count;

	if (tf_get_nil(in))
		return;
	count = tf_get_array(in);
	if (!v)
		bad_event(m);
	for (uint32_t i = 0; i < count && !in->bad; i++) {
		uint32_t len;
		const uint8_t *s = tf_get_bytes(in, &len);

		if (!v[i])
			diverge(m->t, DIVERGED_OTHER, m->call->nr, m->args,
				"a shorter vector of strings");
		check_bytes(m, s, len, (const uint8_t *)v[i], dj_strlen(v[i]));
	}
	if (in->bad)
		bad_event(m);
}

/* One inbound piece into the program's memory. */
static void take_inbound(const struct match *m, const struct tf_arg *a, struct tf_in *in,
			 uint8_t *mem)
{
	uint32_t len;
	const uint8_t *bytes;
	size_t room;

	if (tf_get_nil(in))
		return;
	bytes = tf_get_bytes(in, &len);
	if (in->bad || !mem)
		bad_event(m);
	if (a->rule == TF_SELFLEN && a->dir == TF_RX) /* the length to come is not there yet */
		room = a->ref ? m->args[a->ref - 1] : 0;
	else
		room = dj_mem_len(a, mem, m->args, m->result, false, ~0ul);
	if (len > room)
		diverge(m->t, DIVERGED_OTHER, m->call->nr, m->args,
			"the recorded data is longer than the program's buffer");
	if (a->rule == TF_POLLFD)
		for (uint32_t i = 0; i + 8 <= len; i += 8)
			if (dj_compare(bytes + i, mem + i, 6))
				diverge_bytes(m->t, m->call->nr, m->args, m->index, i, bytes,
					      len, mem, len);
	dj_copy(mem, bytes, len);
}

static void match_mem(struct match *m, const struct tf_arg *a, struct tf_in *in)
{
	void *mem = (void *)m->args[m->index];
	const struct k_msghdr *msg;
	bool rx = a->dir & TF_RX;

	switch (a->rule) {
	case TF_IOVEC:
		if (rx && mem && m->result > 0)
			check_len(m, m->result, iovec_room(mem, m->args[a->ref - 1]));
		do_iovec(m, in, mem, mem ? m->args[a->ref - 1] : 0, rx);
		return;
	case TF_MSG:
		do_msg(m, in, mem, rx);
		msg = mem;
		if (rx && msg && m->result > 0)
			check_len(m, m->result, iovec_room(msg->iov, msg->iovlen));
		return;
	case TF_MMSG:
		do_mmsg(m, in, mem, (uint32_t)m->args[a->ref - 1], rx);
		return;
	case TF_CSTR:
		check_string(m, in, mem);
		return;
	case TF_STRV:
		check_strv(m, in, mem);
		return;
	}
	if (!mem) {
		tf_skip(in);
		if (a->dir == TF_RTX)
			tf_skip(in);
		return;
	}
	if (rx && (a->rule == TF_RESULT || a->rule == TF_MSGBUF) && a->ref)
		check_len(m, m->result, m->args[a->ref - 1]);
	if (a->dir == TF_RTX)
		check_outbound(m, in, mem, dj_mem_len(a, mem, m->args, 0, false, ~0ul));
	if (rx)
		take_inbound(m, a, in, mem);
	else
		check_outbound(m, in, mem,
			       mem ? dj_mem_len(a, mem, m->args, m->result, true, ~0ul) : 0);
}

static uint64_t scalar(const struct tf_arg *a, unsigned long v)
{
	switch (a->kind) {
	case TF_PTR:
		return v != 0;
	case TF_INT:
	case TF_FD:
	case TF_PID:
	case TF_SIG:
		return (uint64_t)(int64_t)(int)v;
	case TF_UINT:
	case TF_FLAGS:
	case TF_MODE:
		return (uint32_t)v;
	}
	return v;
}

long match_call(struct thread *t, struct event *ev, const struct tf_call *call,
		const unsigned long args[6])
{
	struct match m = {.t = t, .call = call, .args = args};
	struct tf_arg resolved[6];
	struct tf_in *in = &ev->in;
	int known;

	tf_get_int(in); /* dt */
	tf_get_int(in); /* dur */
	m.result = tf_get_int(in);
	for (unsigned i = 0; i < call->nargs; i++) {
		const struct tf_arg *a = &resolved[i];
		uint64_t expected, got;

		resolved[i] = call->arg[i];
		if (a->rule == TF_SUB)
			resolved[i] = tf_arg_resolve(call, i, args, &known);
		if (a->kind == TF_MEM)
			continue;
		if (a->kind == TF_NONE) { /* ignored by the kernel */
			tf_get_int(in);
			continue;
		}
		expected = (uint64_t)tf_get_int(in);
		got = scalar(a, args[i]);
		if (!in->bad && expected != got)
			diverge_arg(t, call->nr, args, i, expected, got);
	}
	if (in->bad)
		bad_event(&m);
	for (unsigned i = 0; i < call->nargs; i++) {
		m.index = i;
		if (resolved[i].kind == TF_MEM)
			match_mem(&m, &resolved[i], in);
	}
	if (in->bad)
		bad_event(&m);
	return m.result;
}

void match_sent(struct thread *t, long nr, const unsigned long args[6], unsigned arg, const uint8_t *expected,
		const uint8_t *got, size_t len)
{
	struct match m = {.t = t, .call = tf_call_by_nr(nr), .args = args, .index = arg};

	check_bytes(&m, expected, len, got, len);
}
