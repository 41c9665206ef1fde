/*
 * The recorder: calls whose inbound memory others share. While the call waits, another
 * member of the domain runs, and the kernel would write into what it sees, at a moment of
 * its own. So the kernel writes aside, and the bytes are copied when it is our turn again:
 * a replay does the same there.
 *
 * Called by record_generic() in processes that are in a domain. Messages (recvmsg) go to
 * their place directly.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include "record.h"

enum {
	ROOM_LEN = 16 * 1024, /* of the private stack; more is mapped */
	IOVEC_MAX = 32,
	LEN_MAX = 64 << 20, /* more than that is not put aside */
};

struct bounce {
	uint8_t *bytes;
	size_t len;
	bool mapped;
	unsigned index; /* of the argument */
	struct k_iovec aside;
};

void record_shared_range(uint64_t addr, uint64_t len)
{
	unsigned n = RT->shared_count;

	len = (len + 4095) & ~4095ull;
	if (!n || addr < RT->shared_from)
		RT->shared_from = addr;
	if (addr + len > RT->shared_to)
		RT->shared_to = addr + len;
	for (unsigned i = 0; i < n; i++)
		if (addr >= RT->shared[i].addr &&
		    addr + len <= RT->shared[i].addr + RT->shared[i].len)
			return;
	if (n < SHARED_MAX) {
		RT->shared[n].addr = addr;
		RT->shared[n].len = len;
		RT->shared_count = n + 1;
		return;
	}
	/* too many to tell: the last one spans all further ones. Putting aside what is not shared
	 * costs time only. */
	n--;
	if (addr < RT->shared[n].addr) {
		RT->shared[n].len += RT->shared[n].addr - addr;
		RT->shared[n].addr = addr;
	}
	if (addr + len > RT->shared[n].addr + RT->shared[n].len)
		RT->shared[n].len = addr + len - RT->shared[n].addr;
}

bool record_is_shared(uint64_t addr, uint64_t len)
{
	for (unsigned i = 0; i < RT->shared_count; i++)
		if (addr < RT->shared[i].addr + RT->shared[i].len && addr + len > RT->shared[i].addr)
			return true;
	return false;
}

static bool iovec_shared(const struct k_iovec *iov, size_t count, size_t *len)
{
	bool shared = false;

	*len = 0;
	for (size_t i = 0; i < count; i++) {
		shared |= record_is_shared((uint64_t)iov[i].base, iov[i].len);
		if (iov[i].len > LEN_MAX - *len)
			return false;
		*len += iov[i].len;
	}
	return shared;
}

/* The call's inbound argument in shared memory, and how much the kernel may write. One at
 * most: the first. */
static bool find(struct bounce *b, const struct tf_call *call, const unsigned long args[6])
{
	int known;

	for (unsigned i = 0; i < call->nargs; i++) {
		struct tf_arg a = call->arg[i];

		if (a.rule == TF_SUB)
			a = tf_arg_resolve(call, i, args, &known);
		if (a.kind != TF_MEM || !(a.dir & TF_RX) || !args[i])
			continue;
		b->index = i;
		switch (a.rule) {
		case TF_IOVEC:
			if (args[a.ref - 1] <= IOVEC_MAX &&
			    iovec_shared((const void *)args[i], args[a.ref - 1], &b->len))
				return true;
			continue;
		case TF_RESULT:
		case TF_ARG:
		case TF_FIXED:
		case TF_FDSET:
		case TF_POLLFD:
		case TF_MSGBUF:
			if (a.rule == TF_RESULT && !a.ref)
				continue;
			b->len = dj_mem_len(&a, NULL, args, 0, false, 0);
			if (b->len && b->len <= LEN_MAX && record_is_shared(args[i], b->len))
				return true;
		}
	}
	return false;
}

bool record_aside_wanted(const struct tf_call *call, const unsigned long args[6])
{
	struct bounce b;

	/* in most programs nothing lies near enough to look closer */
	for (unsigned i = 0; RT->shared_count && i < call->nargs; i++)
		if (call->arg[i].kind == TF_MEM && (call->arg[i].dir & TF_RX) && args[i] &&
		    (call->arg[i].rule == TF_IOVEC ||
		     (args[i] < RT->shared_to && args[i] + LEN_MAX > RT->shared_from)))
			return find(&b, call, args);
	return false;
}

static void scatter(const struct bounce *b, const struct k_iovec *iov, size_t count, size_t len)
{
	const uint8_t *from = b->bytes;

	for (size_t i = 0; i < count && len; i++) {
		size_t n = iov[i].len < len ? iov[i].len : len;

		dj_write_user(iov[i].base, from, n);
		from += n;
		len -= n;
	}
}

long record_wait_aside(struct thread *t, const struct tf_call *call,
		       const unsigned long args[6])
{
	uint8_t room[ROOM_LEN];
	unsigned long aside[6];
	struct bounce b = {.bytes = room};
	struct tf_arg a;
	int known;
	long ret, at;

	if (!RT->shared_count || !find(&b, call, args))
		return record_wait(t, call->nr, args);
	if (b.len > sizeof(room)) {
		at = dj_raw(SYS_mmap, 0, b.len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (DJ_IS_ERR(at))
			return record_wait(t, call->nr, args);
		b.bytes = (uint8_t *)at;
		b.mapped = true;
	}
	a = tf_arg_resolve(call, b.index, args, &known);
	dj_copy(aside, args, sizeof(aside));
	if (a.rule == TF_IOVEC) {
		b.aside = (struct k_iovec){b.bytes, b.len};
		aside[b.index] = (unsigned long)&b.aside;
		aside[a.ref - 1] = 1;
	} else {
		aside[b.index] = (unsigned long)b.bytes;
		/* also where the kernel only writes: it may leave some of it as it is, or all */
		if (a.rule != TF_RESULT)
			dj_read_user(b.bytes, (const void *)args[b.index], b.len);
	}
	ret = record_wait(t, call->nr, aside);
	if (a.rule == TF_IOVEC && ret > 0)
		scatter(&b, (const void *)args[b.index], args[a.ref - 1], (size_t)ret);
	else if (a.rule != TF_IOVEC && (ret >= 0 || call->flags & TF_RX_ERROR))
		dj_write_user((void *)args[b.index], b.bytes,
			      dj_mem_len(&a, NULL, args, ret, true, 0));
	if (b.mapped)
		dj_raw(SYS_munmap, b.bytes, b.len);
	return ret;
}
