/*
 * The recorder: mlockall. It would give memory to all of the session, which is sparse and hundreds of MiB
 * long, and count it for the program's limit. So of what is mapped the program's own is locked, mapping by
 * mapping; what comes later the kernel locks by itself.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <linux/capability.h>
#include <errno.h>
#include "record.h"
#include "preload/own_memory.h"

static bool add_len(void *len, const struct mapping *m)
{
	if (!own_memory_holds(m->from, m->to))
		*(uint64_t *)len += m->to - m->from;
	return true;
}

/* As mlockall, which does not mind what cannot be read in. */
static bool lock(void *on_fault, const struct mapping *m)
{
	if (own_memory_holds(m->from, m->to))
		return true;
	dj_raw(SYS_mlock2, m->from, m->to - m->from, MLOCK_ONFAULT);
	if (!on_fault && (m->flags & MAPPING_READ))
		dj_raw(SYS_mlock, m->from, m->to - m->from);
	return true;
}

static bool may_lock_all(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {0};

	return !dj_raw(SYS_capget, &head, data) && (data[0].effective >> CAP_IPC_LOCK & 1);
}

static long lock_all(unsigned long flags)
{
	struct rlimit limit = {0, 0};
	uint64_t len = 0;

	if (!(flags & MCL_CURRENT) || (flags & ~(unsigned long)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) ||
	    !maps_walk(add_len, &len))
		return dj_raw(SYS_mlockall, flags);
	dj_raw(SYS_getrlimit, RLIMIT_MEMLOCK, &limit);
	if (len > limit.rlim_cur && !may_lock_all())
		return limit.rlim_cur ? -ENOMEM : -EPERM;
	maps_walk(lock, flags & MCL_ONFAULT ? &flags : NULL);
	return flags & MCL_FUTURE ? dj_raw(SYS_mlockall, flags & ~(unsigned long)MCL_CURRENT) : 0;
}

long record_mlockall(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	int64_t t0 = dj_now();
	long ret;

	sched_release(t);
	ret = lock_all(args[0]);
	sched_acquire(t);
	record_emit_call(t, call, args, ret, t0, t->slice_start_ns, NULL);
	return ret;
}
