/*
 * The recorder: what calls of other threads, or processes, may be writing to at this moment. The
 * kernel writes it when it likes; in a replay it is there when the call's event is served. And what
 * no program looks at, where the kernel's frames of signals were, which differ. What tells a stopped
 * thread's state (preempt.c) lies elsewhere. Called in signal handlers, by the token's holder.
 */
#include <sys/syscall.h>
#include "record.h"
#include "areas.h"

enum {
	ADDRESS_ROOM = 4096, /* bytes: more than any value with a length of its own */
	IOVEC_MAX = 32,
};

static void add(struct flights *f, uint64_t from, uint64_t len)
{
	if (f->count == FLIGHT_MAX) {
		f->unknown = true;
		return;
	}
	f->range[f->count].from = from;
	f->range[f->count++].to = from + len;
}

static bool add_vector(struct flights *f, unsigned long at, unsigned long count)
{
	struct k_iovec iov[IOVEC_MAX];

	if (count > IOVEC_MAX || !dj_read_user(iov, (const void *)at, count * sizeof(iov[0])))
		return false;
	for (unsigned long i = 0; i < count; i++)
		add(f, (uint64_t)iov[i].base, iov[i].len);
	return true;
}

/* One argument's memory. False: how much is not told by the call's registers. */
static bool add_memory(struct flights *f, const struct tf_arg *a, const unsigned long args[6],
		       unsigned long at)
{
	switch (a->rule) {
	case TF_RESULT:
	case TF_MSGBUF:
		if (!a->ref)
			return false;
		break;
	case TF_FIXED:
	case TF_ARG:
	case TF_PAGES:
	case TF_FDSET:
	case TF_POLLFD:
		break;
	case TF_LENPTR:
		add(f, at, ADDRESS_ROOM);
		return true;
	case TF_IOVEC:
		return add_vector(f, at, args[a->ref - 1]);
	default:
		return false;
	}
	add(f, at, dj_mem_len(a, (const void *)at, args, 0, false, 0));
	return true;
}

/* Whether the call's row names all that the kernel may write. (One that changes mappings and waits here
 * has not been made yet.) Those about signals are by hand for what they do, not for what they write. */
static bool row_tells(const struct tf_call *call, const unsigned long args[6])
{
	enum tf_class cls = tf_class_resolve(call, args);

	return cls == TF_RECORD || cls == TF_LOCAL || (cls == TF_BYHAND && call->flags & TF_SIGNAL);
}

static void add_call(struct flights *f, const struct pregs *p)
{
	const unsigned long args[6] = {p->rdi, p->rsi, p->rdx, p->r10, p->r8, p->r9};
	const struct tf_call *call = tf_call_by_nr((long)p->nr);
	int known = 1;

	if (p->nr == SYS_futex)
		return;
	if (!call || !row_tells(call, args)) {
		f->unknown = true;
		return;
	}
	for (unsigned i = 0; i < call->nargs; i++) {
		struct tf_arg a = tf_arg_resolve(call, i, args, &known);

		if (!known || (a.kind == TF_MEM && (a.dir & TF_RX) && args[i] &&
			       !add_memory(f, &a, args, args[i])))
			f->unknown = true;
	}
}

static void add_garbage(struct flights *f, uint64_t from, uint64_t len)
{
	if (!len)
		return;
	if (f->garbage_count == GARBAGE_MAX) {
		f->unknown = true;
		return;
	}
	f->garbage[f->garbage_count].from = from;
	f->garbage[f->garbage_count++].to = from + len;
}

static void add_below(struct flights *f, uint64_t sp)
{
	if (sp > BELOW_STACK_LEN)
		add_garbage(f, sp - BELOW_STACK_LEN, BELOW_STACK_LEN - RED_ZONE_LEN);
}

static void add_thread(struct flights *f, const struct thread *t, bool self)
{
	add_garbage(f, t->altstack.sp, t->altstack.size);
	if (t->crossing)
		add_below(f, pregs_rsp(t->crossing));
	if (t->interrupted)
		add_below(f, t->interrupted->mc.rsp);
	add_below(f, t->oracle_sp);
	if (t->crossing && !self && RT->multi)
		add_call(f, t->crossing);
}

void flights_find(struct flights *f, const struct thread *self)
{
	f->unknown = false;
	f->count = f->garbage_count = 0;
	for (uint32_t i = 0; i < RT->shared_count; i++) /* other processes' calls */
		add(f, RT->shared[i].addr, RT->shared[i].len);
	for (unsigned i = 0; !f->unknown && i < THREAD_MAX; i++) {
		const struct thread *t = (const void *)(DJ_THREADS + (uint64_t)i * THREAD_STRIDE);

		if (i % 64 == 0 && !RT->thread_map[i / 64])
			i += 63;
		else if (RT->thread_map[i / 64] >> (i % 64) & 1)
			add_thread(f, t, t == self);
	}
}

static bool touches(const struct memory_range *range, uint32_t count, uint64_t addr, uint64_t len)
{
	for (uint32_t i = 0; i < count; i++)
		if (range[i].from < addr + len && range[i].to > addr)
			return true;
	return false;
}

bool flights_touch(const struct flights *f, uint64_t addr, uint64_t len)
{
	return touches(f->range, f->count, addr, len);
}

bool flights_garbage(const struct flights *f, uint64_t addr, uint64_t len)
{
	return touches(f->garbage, f->garbage_count, addr, len);
}
