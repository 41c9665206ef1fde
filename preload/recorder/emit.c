/*
 * Events from calls: the generic capture that interprets the table's rows. The scalar
 * part is encoded in a small buffer, payloads go straight from the program's memory into
 * the ring. Outbound memory is read after the call (the kernel has then read it itself,
 * so it is readable), except what the kernel overwrites, which is saved before.
 */
#include <sys/syscall.h>
#include <errno.h>
#include "record.h"

enum {
	DIGEST_FROM = 32, /* shorter outbound payloads are stored even as digests */
	FAILED_MAX_LEN = 512, /* outbound memory of failed calls: more is not kept */
	STRV_MAX = 1 << 20,
	STRV_STRING_MAX_LEN = 1 << 20,
	NAME_MAX_LEN = 128,  /* sizeof(struct sockaddr_storage): the kernel's own bound */
	MESSAGES_MAX = 1024, /* of one recvmmsg: UIO_MAXIOV */
};

void record_thread_tell(struct thread *t)
{
	t->slot->last_tid = t->tid;
	record_emit_ints(t->slot, TF_EV_THREAD, 1, t->tid, 0, 0);
}

void record_runs(struct thread *t)
{
	record_thread_switch(t);
	record_emit_ints(t->slot, TF_EV_START, 1, record_dt(t->slot, dj_now()), 0, 0);
	ring_commit(t->slot);
}

void record_emit_ints(struct slot *slot, unsigned id, unsigned count, int64_t a, int64_t b,
		      int64_t c)
{
	uint8_t buf[64], *p = buf;

	p = tf_put_array(p, count + 1);
	p = tf_put_uint(p, id);
	if (count > 0)
		p = tf_put_int(p, a);
	if (count > 1)
		p = tf_put_int(p, b);
	if (count > 2)
		p = tf_put_int(p, c);
	ring_put(slot, buf, (size_t)(p - buf));
}

void record_insn(struct thread *t, unsigned kind, uint64_t value, unsigned flag)
{
	uint8_t buf[32], *p = tf_put_array(buf, 4);

	p = tf_put_uint(p, TF_EV_INSN);
	p = tf_put_uint(p, kind);
	p = tf_put_uint(p, value);
	p = tf_put_uint(p, flag);
	ring_put(t->slot, buf, (size_t)(p - buf));
	ring_commit(t->slot);
}

/* The kernel leaves there the length of the whole address, which may be more than the program has
 * room for. (Of control messages it tells what it has written.) False: not readable. */
static bool name_room(const struct k_msghdr *m, uintptr_t *known, uint8_t *room)
{
	int32_t len;

	if (!dj_readable(m, sizeof(*m), known))
		return false;
	len = m->namelen;
	*room = (uint8_t)(len < 0 ? 0 : len > NAME_MAX_LEN ? NAME_MAX_LEN : len);
	return true;
}

/* Of each message one byte. */
static size_t name_rooms(const char *mem, size_t count, uint8_t *room, size_t max)
{
	uintptr_t known = 1;
	size_t n = 0;

	while (n < count && n < max && name_room((const struct k_msghdr *)mem, &known, room + n))
		n++, mem += sizeof(struct k_msghdr) + 8;
	return n;
}

void record_pre_take(const struct tf_call *call, const unsigned long args[6],
		     struct record_pre *pre)
{
	size_t used = 0;
	int known;

	for (unsigned i = 0; i < 6; i++)
		pre->bytes[i] = NULL, pre->capacity[i] = 0;
	for (unsigned i = 0; i < call->nargs; i++) {
		struct tf_arg a = call->arg[i];
		size_t len;

		if (a.rule == TF_SUB)
			a = tf_arg_resolve(call, i, args, &known);
		if (a.kind != TF_MEM || !args[i])
			continue;
		if (a.rule == TF_LENPTR && args[a.ref - 1])
			if (!dj_fetch_user(&pre->capacity[i], (void *)args[a.ref - 1], 4))
				pre->capacity[i] = 0;
		if (a.dir == TF_RX && (a.rule == TF_MSG || a.rule == TF_MMSG)) {
			len = a.rule == TF_MSG ? 1 : (uint32_t)args[a.ref - 1];
			pre->bytes[i] = pre->room + used;
			pre->len[i] = (uint32_t)name_rooms((const char *)args[i], len, pre->bytes[i],
							   MESSAGES_MAX);
			used += pre->len[i];
			continue;
		}
		if (a.dir != TF_RTX || a.rule == TF_IOVEC)
			continue;
		if (a.rule == TF_LENPTR)
			len = pre->capacity[i];
		else if (a.rule == TF_SELFLEN) {
			uint32_t self;

			if (!dj_fetch_user(&self, (void *)args[i], sizeof(self)))
				continue;
			len = a.unit + self;
			if (a.ref && len > args[a.ref - 1])
				len = args[a.ref - 1];
		} else
			len = dj_mem_len(&a, NULL, args, 0, false, 0);
		if (!len || len > sizeof(pre->room) - used ||
		    !dj_fetch_user(pre->room + used, (void *)args[i], len))
			continue;
		pre->bytes[i] = pre->room + used;
		pre->len[i] = (uint32_t)len;
		used += len;
	}
}

static void put_nil(struct slot *slot)
{
	uint8_t buf[1];

	ring_put(slot, buf, (size_t)(tf_put_nil(buf) - buf));
}

static void put_bin(struct slot *slot, const void *bytes, size_t len)
{
	uint8_t buf[8], *room = ring_room(slot, len + sizeof(buf));

	if (room && len < RING_LEN) {
		uint8_t *p = tf_put_bin(room, (uint32_t)len);

		dj_copy(p, bytes, len);
		slot->pos += (size_t)(p - room) + len;
		return;
	}

	ring_put(slot, buf, (size_t)(tf_put_bin(buf, (uint32_t)len) - buf));
	ring_put(slot, bytes, len);
}

static void put_outbound(struct slot *slot, const void *bytes, size_t len)
{
	uint8_t buf[TF_INT_MAX_LEN];

	if (!RT->session->outbound_digest || len < DIGEST_FROM) {
		put_bin(slot, bytes, len);
		return;
	}
	ring_put(slot, buf, (size_t)(tf_put_uint(buf, dj_xxh64(bytes, len)) - buf));
}

/* The bytes of an iovec as one byte string. */
static void put_iovec(struct slot *slot, const struct k_iovec *iov, size_t count, size_t len)
{
	uint8_t buf[8];
	size_t room = 0;

	/* MSG_TRUNC: the result is the datagram's length, not what was copied */
	for (size_t i = 0; i < count && room < len; i++)
		room += iov[i].len;
	if (len > room)
		len = room;
	ring_put(slot, buf, (size_t)(tf_put_bin(buf, (uint32_t)len) - buf));
	for (size_t i = 0; i < count && len; i++) {
		size_t n = iov[i].len < len ? iov[i].len : len;

		ring_put(slot, iov[i].base, n);
		len -= n;
	}
}

/* name_room: what the name's buffer had room for before the call. */
static void put_msg(struct slot *slot, const struct k_msghdr *m, size_t len, bool inbound,
		    size_t name_room)
{
	uint8_t buf[64], *p = tf_put_array(buf, 6);

	ring_put(slot, buf, (size_t)(p - buf));
	if (m->name && m->namelen > 0)
		put_bin(slot, m->name,
			(size_t)m->namelen < name_room ? (size_t)m->namelen : name_room);
	else
		put_nil(slot);
	put_iovec(slot, m->iov, m->iovlen, len);
	if (m->control && m->controllen)
		put_bin(slot, m->control, m->controllen);
	else
		put_nil(slot);
	p = tf_put_int(buf, inbound ? m->flags : 0);
	p = tf_put_uint(p, (uint32_t)m->namelen);
	p = tf_put_uint(p, m->controllen);
	ring_put(slot, buf, (size_t)(p - buf));
}

/* Of the i-th message. */
static size_t name_room_of(const struct record_pre *pre, unsigned index, bool inbound, size_t i)
{
	if (!inbound)
		return NAME_MAX_LEN;
	return pre && pre->bytes[index] && i < pre->len[index] ? pre->bytes[index][i] : 0;
}

static void put_strv(struct slot *slot, char *const *v)
{
	uint8_t buf[8];
	unsigned n = 0;

	while (v[n])
		n++;
	ring_put(slot, buf, (size_t)(tf_put_array(buf, n) - buf));
	for (unsigned i = 0; i < n; i++)
		put_bin(slot, v[i], dj_strlen(v[i]));
}

static bool strv_readable(char *const *v)
{
	for (unsigned n = 0; n < STRV_MAX; n++) {
		char *s;

		if (!dj_fetch_user(&s, v + n, sizeof(s)))
			return false;
		if (!s)
			return true;
		if (!dj_strlen_user(s, STRV_STRING_MAX_LEN))
			return false;
	}
	return false;
}

/* Errors that the kernel gives only after it has read the call's strings. */
static bool strings_were_read(long result)
{
	return result >= 0 || result == -ENOENT || result == -EEXIST || result == -EACCES ||
	       result == -ENOTDIR || result == -EISDIR || result == -ELOOP ||
	       result == -EINTR;
}

/* getsockname and its like write the length before they fail to write the rest. */
static bool changed_by_failure(const struct tf_arg *a, unsigned index, const void *mem,
			       const struct record_pre *pre)
{
	return a->dir == TF_RTX && pre && pre->bytes[index] &&
	       dj_compare(mem, pre->bytes[index], pre->len[index]);
}

/* How many pages from an address on are mapped, of so many bytes: what a failing mincore has told of. */
static size_t mapped_page_count(uint64_t addr, uint64_t len)
{
	size_t count = 0;
	uint8_t byte;

	while (count * 4096 < len && !dj_raw(SYS_mincore, addr + count * 4096, 1, &byte))
		count++;
	return count;
}

static void put_mem(struct thread *t, const struct tf_arg *a, unsigned index,
		    const unsigned long args[6], long result, const struct tf_call *call,
		    const struct record_pre *pre)
{
	struct slot *slot = t->slot;
	const void *mem = (const void *)args[index];
	bool rx = a->dir & TF_RX, tx = a->dir & TF_TX;
	bool rx_valid = result >= 0 ||
			((call->flags & TF_RX_ERROR) && (result == -EINTR || result == -EOVERFLOW)) ||
			changed_by_failure(a, index, mem, pre);
	size_t len;

	if (tx && rx) {
		if (mem && pre && pre->bytes[index])
			put_outbound(slot, pre->bytes[index], pre->len[index]);
		else
			put_nil(slot);
	}
	if (mem && a->rule == TF_PAGES && result == -ENOMEM) {
		put_bin(slot, mem, mapped_page_count(args[0], args[1]));
		return;
	}
	if (!mem || (rx && !rx_valid)) {
		put_nil(slot);
		return;
	}
	switch (a->rule) {
	case TF_CSTR:
		if (strings_were_read(result)) {
			put_bin(slot, mem, dj_string_len(a, mem));
			return;
		}
		len = dj_strlen_user(mem, a->unit ? a->unit : 4096);
		if (len)
			put_bin(slot, mem, len);
		else
			put_nil(slot);
		return;
	case TF_STRV: /* exec's, and it failed: anything may be unreadable */
		if (result != TF_RESTART && strv_readable((char *const *)mem))
			put_strv(slot, (char *const *)mem);
		else
			put_nil(slot);
		return;
	case TF_IOVEC:
		if (result >= 0)
			put_iovec(slot, mem, args[a->ref - 1], (size_t)result);
		else
			put_nil(slot);
		return;
	case TF_MSG:
		if (result >= 0)
			put_msg(slot, mem, (size_t)result, rx, name_room_of(pre, index, rx, 0));
		else
			put_nil(slot);
		return;
	case TF_MMSG: {
		uint8_t buf[16];
		const char *m = mem;

		if (result < 0) {
			put_nil(slot);
			return;
		}
		ring_put(slot, buf, (size_t)(tf_put_array(buf, (unsigned)result) - buf));
		for (long i = 0; i < result; i++, m += sizeof(struct k_msghdr) + 8) {
			uint32_t n = *(const uint32_t *)(m + sizeof(struct k_msghdr));

			ring_put(slot, buf, (size_t)(tf_put_array(buf, 2) - buf));
			put_msg(slot, (const struct k_msghdr *)m, n, rx,
				name_room_of(pre, index, rx, (size_t)i));
			ring_put(slot, buf, (size_t)(tf_put_uint(buf, n) - buf));
		}
		return;
	}
	}
	if (result < 0 && !rx) {
		/* Whom a failed connect was to reach is worth knowing. A call that writes
		 * although it fails may have written here. */
		uint8_t copy[FAILED_MAX_LEN];

		len = a->rule == TF_ARG || a->rule == TF_FIXED
			      ? dj_mem_len(a, mem, args, result, true, 0)
			      : 0;
		if (result != TF_RESTART && !(call->flags & TF_RX_ERROR) && len &&
		    len <= sizeof(copy) &&
		    dj_fetch_user(copy, mem, len))
			put_outbound(slot, copy, len);
		else
			put_nil(slot);
		return;
	}
	len = dj_mem_len(a, mem, args, result, true, pre ? pre->capacity[index] : 0);
	if (a->rule == TF_SELFLEN && tx && rx && pre && len > pre->len[index])
		len = pre->len[index];
	if (rx)
		put_bin(slot, mem, len);
	else
		put_outbound(slot, mem, len);
}

static uint8_t *put_scalar(uint8_t *p, unsigned kind, unsigned long v)
{
	switch (kind) {
	case TF_MEM:
		return p;
	case TF_NONE: /* ignored by the kernel: garbage */
		return tf_put_uint(p, 0);
	case TF_PTR:
		return tf_put_uint(p, v != 0);
	case TF_INT:
	case TF_FD:
	case TF_PID:
	case TF_SIG:
		return tf_put_int(p, (int)v);
	case TF_UINT:
	case TF_FLAGS:
	case TF_MODE:
		return tf_put_uint(p, (uint32_t)v);
	case TF_LONG:
	case TF_OFF:
		return tf_put_int(p, (int64_t)v);
	}
	return tf_put_uint(p, v);
}

enum { SCALARS_MAX_LEN = 128 };

/* The array's header and the id, which are always the same for calls without sub-rows. */
static uint32_t head_make(const struct tf_call *call)
{
	uint8_t buf[16], *p;
	unsigned field_count = call->nargs;
	uint32_t head;

	for (unsigned i = 0; i < call->nargs; i++)
		field_count += call->arg[i].kind == TF_MEM && call->arg[i].dir == TF_RTX;
	p = tf_put_array(buf, 4 + field_count);
	p = tf_put_uint(p, call->id);
	if (p - buf > (long)sizeof(head))
		return 0;
	dj_copy(&head, buf, sizeof(head));
	RT->head[call->nr] = head;
	return head;
}

static inline unsigned head_len(const struct tf_call *call)
{
	return call->id < 0x80 ? 2 : call->id < 0x100 ? 3 : 4;
}

static uint8_t *put_times(uint8_t *p, struct slot *slot, int64_t t0, int64_t t1)
{
	if (__builtin_expect(t0 < slot->last_time_ns, 0) && t1 > slot->last_time_ns) { /* others ran meanwhile */
		p = tf_put_int(p, t0 - slot->last_time_ns);
		slot->last_time_ns = t1;
		return tf_put_uint(p, (uint64_t)(t1 - t0));
	}
	p = tf_put_uint(p, (uint64_t)record_dt(slot, t0));
	if (t1 != t0)
		return tf_put_uint(p, (uint64_t)record_dt(slot, t1));
	*p++ = 0;
	return p;
}

/* Calls some of whose arguments depend on a request. */
static void emit_resolved(struct thread *t, const struct tf_call *call,
			  const unsigned long args[6], long result, int64_t t0, int64_t t1,
			  const struct record_pre *pre)
{
	struct slot *slot = t->slot;
	uint8_t buf[SCALARS_MAX_LEN], *p;
	struct tf_arg arg[6];
	unsigned field_count = call->nargs;
	int known;

	for (unsigned i = 0; i < call->nargs; i++) {
		arg[i] = call->arg[i];
		if (arg[i].rule == TF_SUB)
			arg[i] = tf_arg_resolve(call, i, args, &known);
		field_count += arg[i].kind == TF_MEM && arg[i].dir == TF_RTX;
	}
	p = tf_put_array(buf, 4 + field_count);
	p = tf_put_uint(p, call->id);
	p = put_times(p, slot, t0, t1);
	p = tf_put_int(p, result);
	for (unsigned i = 0; i < call->nargs; i++)
		p = put_scalar(p, arg[i].kind, args[i]);
	ring_put(slot, buf, (size_t)(p - buf));
	for (unsigned i = 0; i < call->nargs; i++)
		if (arg[i].kind == TF_MEM)
			put_mem(t, &arg[i], i, args, result, call, pre);
	ring_commit(slot);
}

void record_emit_call(struct thread *t, const struct tf_call *call,
		      const unsigned long args[6], long result, int64_t t0, int64_t t1,
		      const struct record_pre *pre)
{
	struct slot *slot = t->slot;
	uint8_t shape = record_shape(call);
	uint8_t buf[SCALARS_MAX_LEN], *room, *p;
	uint32_t head = RT->head[call->nr];

	record_thread_switch(t);
	if ((shape & SHAPE_SUB) || (!head && !(head = head_make(call)))) {
		emit_resolved(t, call, args, result, t0, t1, pre);
		return;
	}
	room = ring_room(slot, SCALARS_MAX_LEN);
	p = room ? room : buf;
	*(uint32_t *)p = head;
	p = put_times(p + head_len(call), slot, t0, t1);
	p = tf_put_int(p, result);
	for (unsigned i = 0; i < call->nargs; i++)
		if (call->arg[i].kind != TF_MEM)
			p = put_scalar(p, call->arg[i].kind, args[i]);
	if (room)
		slot->pos += (size_t)(p - room);
	else
		ring_put(slot, buf, (size_t)(p - buf));
	if (shape & SHAPE_ITEMS)
		for (unsigned i = 0; i < call->nargs; i++)
			if (call->arg[i].kind == TF_MEM)
				put_mem(t, &call->arg[i], i, args, result, call, pre);
	ring_commit(slot);
}
