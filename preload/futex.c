/*
 * Futexes whose word the kernel would write by itself, at a moment of its own: priority
 * inheritance, FUTEX_WAKE_OP, and the robust lists of threads that end. Here we write it,
 * under the token, so that a replay does the same at the same place. Waiting for such a lock
 * is an ordinary FUTEX_WAIT and one round of it an event that ends in TF_RESTART. (So there
 * is no inheritance of priorities while recording.)
 *
 * Used by recorder and replayer alike; no locks, no allocation.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include "runtime.h"

enum { ROBUST_MAX = 2048 }; /* entries; a list may be a loop */

/* A word that may be unreadable, or not be aligned. */
static bool readable(const uint32_t *at)
{
	uint32_t v;

	return !((uintptr_t)at & 3) && dj_fetch_user(&v, at, sizeof(v));
}

static bool swap(uint32_t *at, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(at, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static enum futex_way lock_pi(struct thread *t, uint32_t *at, bool try, long *result)
{
	uint32_t tid = (uint32_t)t->tid, v, keep;

	for (;;) {
		v = __atomic_load_n(at, __ATOMIC_SEQ_CST);
		*result = 0;
		if (!(v & FUTEX_TID_MASK)) {
			/* others may wait as this thread did: the end of its turn must wake */
			keep = v | (t->pi_waited ? FUTEX_WAITERS : 0);
			if (!swap(at, v, tid | keep))
				continue;
			t->pi_waited = false;
			return FUTEX_DONE;
		}
		if ((v & FUTEX_TID_MASK) == tid)
			*result = -EDEADLK;
		else if (try)
			*result = -EAGAIN;
		if (*result)
			return FUTEX_DONE;
		if (!swap(at, v, v | FUTEX_WAITERS))
			continue;
		t->pi_waited = true;
		*result = (long)(v | FUTEX_WAITERS);
		return FUTEX_WAITS;
	}
}

static enum futex_way unlock_pi(struct thread *t, uint32_t *at, long *result)
{
	uint32_t v;

	do {
		v = __atomic_load_n(at, __ATOMIC_SEQ_CST);
		*result = (v & FUTEX_TID_MASK) == (uint32_t)t->tid ? 0 : -EPERM;
		if (*result)
			return FUTEX_DONE;
	} while (!swap(at, v, 0));
	return FUTEX_WAKES;
}

static bool wake_op(uint32_t *at, uint32_t op)
{
	uint32_t v, to, arg = op >> 12 & 0xfff, with = op & 0xfff;
	int32_t signed_with = (int32_t)(with << 20) >> 20;

	arg = (uint32_t)((int32_t)(arg << 20) >> 20);
	if (op >> 28 & FUTEX_OP_OPARG_SHIFT)
		arg = 1u << (arg & 31);
	do {
		v = __atomic_load_n(at, __ATOMIC_SEQ_CST);
		switch (op >> 28 & 7) {
		case FUTEX_OP_SET:
			to = arg;
			break;
		case FUTEX_OP_ADD:
			to = v + arg;
			break;
		case FUTEX_OP_OR:
			to = v | arg;
			break;
		case FUTEX_OP_ANDN:
			to = v & ~arg;
			break;
		default:
			to = v ^ arg;
		}
	} while (!swap(at, v, to));
	switch (op >> 24 & 15) {
	case FUTEX_OP_CMP_EQ:
		return (int32_t)v == signed_with;
	case FUTEX_OP_CMP_NE:
		return (int32_t)v != signed_with;
	case FUTEX_OP_CMP_LT:
		return (int32_t)v < signed_with;
	case FUTEX_OP_CMP_LE:
		return (int32_t)v <= signed_with;
	case FUTEX_OP_CMP_GT:
		return (int32_t)v > signed_with;
	}
	return (int32_t)v >= signed_with;
}

/*
 * What the kernel says of a lock's flags and time before it looks at the word: 0, or an error,
 * which comes before "you have it already" (libc's timedlock() asks again after that, for ever).
 */
static long time_fault(const unsigned long args[6])
{
	struct k_timespec until;

	if (((unsigned)args[1] & FUTEX_CMD_MASK) == FUTEX_LOCK_PI &&
	    ((unsigned)args[1] & FUTEX_CLOCK_REALTIME))
		return -ENOSYS;
	if (!args[3])
		return 0;
	if (!dj_fetch_user(&until, (const void *)args[3], sizeof(until)))
		return -EFAULT;
	return until.sec < 0 || (uint64_t)until.nsec >= 1000000000 ? -EINVAL : 0;
}

enum futex_way futex_enter(struct thread *t, const unsigned long args[6], long *result)
{
	uint32_t *at = (uint32_t *)args[0], *second = (uint32_t *)args[4];
	unsigned op = (unsigned)args[1] & FUTEX_CMD_MASK;

	switch (op) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		*result = time_fault(args);
		if (*result)
			return FUTEX_DONE;
		/* fall through */
	case FUTEX_TRYLOCK_PI:
	case FUTEX_UNLOCK_PI:
		*result = (uintptr_t)at & 3 ? -EINVAL : -EFAULT;
		if (!readable(at))
			return FUTEX_DONE;
		return op == FUTEX_UNLOCK_PI ? unlock_pi(t, at, result)
					     : lock_pi(t, at, op == FUTEX_TRYLOCK_PI, result);
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_CMP_REQUEUE_PI:
		*result = -ENOSYS;
		return FUTEX_DONE;
	case FUTEX_WAKE_OP:
		if (!readable(at) || !readable(second) || (args[5] >> 28 & 7) > FUTEX_OP_XOR ||
		    (args[5] >> 24 & 15) > FUTEX_OP_CMP_GE)
			return FUTEX_PLAIN; /* the kernel says so */
		*result = wake_op(second, (uint32_t)args[5]);
		return FUTEX_WAKES;
	}
	return FUTEX_PLAIN;
}

long futex_wakes(const unsigned long args[6], long entered)
{
	unsigned private = (unsigned)args[1] & FUTEX_PRIVATE_FLAG;
	long n, more = 0;

	if (((unsigned)args[1] & FUTEX_CMD_MASK) == FUTEX_UNLOCK_PI) {
		dj_raw(SYS_futex, args[0], FUTEX_WAKE | private, 1);
		return 0;
	}
	n = dj_raw(SYS_futex, args[0], FUTEX_WAKE | private, args[2]);
	if (entered && n >= 0)
		more = dj_raw(SYS_futex, args[4], FUTEX_WAKE | private, args[3]);
	return more < 0 ? more : n + more;
}

void futex_wait_args(const unsigned long args[6], long value, unsigned long wait[6])
{
	unsigned op = (unsigned)args[1] & FUTEX_CMD_MASK;
	unsigned flags = (unsigned)args[1] & FUTEX_PRIVATE_FLAG;

	if (op == FUTEX_LOCK_PI || ((unsigned)args[1] & FUTEX_CLOCK_REALTIME))
		flags |= FUTEX_CLOCK_REALTIME;
	wait[0] = args[0];
	wait[1] = FUTEX_WAIT_BITSET | flags;
	wait[2] = (uint32_t)value;
	wait[3] = args[3];
	wait[4] = 0;
	wait[5] = FUTEX_BITSET_MATCH_ANY;
}

static void owner_died(struct thread *t, uint32_t *at)
{
	uint32_t v;

	if (!readable(at))
		return;
	do {
		v = __atomic_load_n(at, __ATOMIC_SEQ_CST);
		if ((v & FUTEX_TID_MASK) != (uint32_t)t->tid)
			return;
	} while (!swap(at, v, (v & FUTEX_WAITERS) | FUTEX_OWNER_DIED));
	if (v & FUTEX_WAITERS)
		dj_raw(SYS_futex, at, FUTEX_WAKE, 1);
}

void futex_robust_exit(struct thread *t)
{
	struct robust_list_head head;
	struct robust_list *entry, *next, *pending;
	const struct robust_list *end = (const struct robust_list *)t->robust_list;

	if (!end || !dj_fetch_user(&head, end, sizeof(head)))
		return;
	if (t == dj_self()) /* the kernel finds no owner in others' */
		dj_raw(SYS_set_robust_list, 0, sizeof(head));
	t->robust_list = 0;
	pending = (struct robust_list *)((uintptr_t)head.list_op_pending & ~1ul);
	/* bit 0 of a pointer says that the lock is a PI one: the same to us */
	entry = (struct robust_list *)((uintptr_t)head.list.next & ~1ul);
	for (int i = 0; entry != end && i < ROBUST_MAX; i++, entry = next) {
		if (!dj_fetch_user(&next, &entry->next, sizeof(next)))
			break;
		next = (struct robust_list *)((uintptr_t)next & ~1ul);
		if (entry != pending)
			owner_died(t, (uint32_t *)((char *)entry + head.futex_offset));
	}
	if (pending)
		owner_died(t, (uint32_t *)((char *)pending + head.futex_offset));
}

void futex_robust_end(struct thread *self)
{
	futex_robust_exit(self);
	for (unsigned i = 0; RT->multi && i < THREAD_MAX; i++) {
		struct thread *t = (void *)(DJ_THREADS + (uint64_t)i * THREAD_STRIDE);

		if (i % 64 == 0 && !RT->thread_map[i / 64])
			i += 63;
		else if ((RT->thread_map[i / 64] >> (i % 64) & 1) && !t->apart &&
			 !t->vfork_child)
			futex_robust_exit(t);
	}
}
