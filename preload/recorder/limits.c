/*
 * The recorder: the limit on address space (RLIMIT_AS). What the runtime has mapped counts, so the
 * kernel gets the program's limit and that much more, and the program sees the one that it gave:
 * vsftpd leaves its workers less than the session alone takes. What both are is kept in the slot:
 * the next image and forked children inherit the limit. Those of other processes are left alone.
 */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <errno.h>
#include "record.h"

/* Threads begun later take what little is theirs from the program's share. */
enum { THREADS_SPARE = 8 };

static uint64_t own_len(void)
{
	return SESSION_LEN + RUNTIME_LEN + (RT->thread_count + THREADS_SPARE) * (uint64_t)THREAD_STRIDE;
}

static struct space_limit *limit_of(struct thread *t)
{
	return t->vfork_child && t->exec_slot ? &t->exec_slot->space : &t->slot->space;
}

/* The kernel's limit as the program is to see it. */
static void limit_view(const struct space_limit *space, struct rlimit *limit)
{
	if (space->set && limit->rlim_cur == space->kernel_cur)
		limit->rlim_cur = space->cur;
	if (space->set && limit->rlim_max == space->kernel_max)
		limit->rlim_max = space->max;
}

static rlim_t limit_raised(rlim_t limit, rlim_t most)
{
	rlim_t raised = limit == RLIM_INFINITY ? limit : limit + own_len();

	return raised < limit || raised > most ? most : raised;
}

/* What the kernel is to be told for the program's `given`. */
static struct rlimit limit_for_kernel(const struct space_limit *space, const struct rlimit *given)
{
	struct rlimit now, seen, told = *given;

	if (given->rlim_cur > given->rlim_max || dj_raw(SYS_prlimit64, 0, RLIMIT_AS, 0, &now))
		return told; /* it is refused */
	seen = now;
	limit_view(space, &seen);
	/* a hard limit may be lowered by everybody, and raised by few */
	told.rlim_max = limit_raised(given->rlim_max,
				     given->rlim_max <= seen.rlim_max ? now.rlim_max : RLIM_INFINITY);
	told.rlim_cur = limit_raised(given->rlim_cur, told.rlim_max);
	return told;
}

bool record_limits(struct thread *t, const struct tf_call *call, const unsigned long args[6], long *result)
{
	bool both = call->nr == SYS_prlimit64;
	unsigned long a[6], new = call->nr == SYS_getrlimit ? 0 : args[both ? 2 : 1],
		      old = both ? args[3] : call->nr == SYS_getrlimit ? args[1] : 0;
	struct space_limit *space = limit_of(t);
	struct rlimit given, told, seen;
	int64_t now = dj_now();

	if ((int)args[both] != RLIMIT_AS || (both && args[0] && (int32_t)args[0] != RT->pid))
		return false;
	if (new && !dj_fetch_user(&given, (const void *)new, sizeof(given)))
		return false; /* the kernel refuses it */
	dj_copy(a, args, sizeof(a));
	if (new) {
		told = limit_for_kernel(space, &given);
		a[both ? 2 : 1] = (unsigned long)&told;
	}
	*result = dj_raw_wait(call->nr, a);
	if (!*result && old && dj_fetch_user(&seen, (const void *)old, sizeof(seen))) {
		limit_view(space, &seen);
		dj_write_user((void *)old, &seen, sizeof(seen));
	}
	if (!*result && new)
		*space = (struct space_limit){1, given.rlim_cur, given.rlim_max, told.rlim_cur, told.rlim_max};
	record_emit_call(t, call, args, *result, now, now, NULL);
	return true;
}
