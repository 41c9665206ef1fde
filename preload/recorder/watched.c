/*
 * The recorder: calls that are made and recorded like others, and looked at besides, the rows marked WATCHED:
 * which descriptors are the recording's own output, what changes a mapped file, whose child has ended, what
 * was written where no row can say. tests/cli/watched.sh holds cases and rows together.
 */
#include <sys/syscall.h>
#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include "record.h"
#include "preload/beside.h"

static long record_status_read(struct thread *t, const struct tf_call *call,
			       const unsigned long args[6])
{
	int64_t t0 = dj_now();
	long ret = record_wait(t, call->nr, args);

	if (ret > 0)
		view_status((uint8_t *)args[1], (size_t)ret);
	record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
	return ret;
}

/* A call that may change a file which is mapped. */
static long record_changing(struct thread *t, const struct tf_call *call,
			    const unsigned long args[6])
{
	uint32_t shadow = record_shadow_of(t, call->nr, args);

	return shadow ? record_shadow_change(t, call, args, shadow)
		      : record_generic(t, call, args);
}

/* A call about which more is known than it tells the program: that is told before it. */
static long record_telling(struct thread *t, const struct tf_call *call, const unsigned long args[6],
			   void (*tell)(struct thread *t, const struct tf_call *call,
					const unsigned long args[6], long ret))
{
	int64_t t0 = dj_now(), t1;
	struct record_pre pre;
	long ret;

	record_pre_take(call, args, &pre);
	ret = RT->domains ? record_wait_aside(t, call, args) : record_wait(t, call->nr, args);
	t1 = dj_now();
	tell(t, call, args, ret);
	record_emit_call(t, call, args, ret, t0, t1, &pre);
	return ret;
}

/* A call that moves bytes in the kernel. */
static long record_moving(struct thread *t, const struct tf_call *call,
			  const unsigned long args[6])
{
	if (record_shadow_of(t, call->nr, args))
		return record_changing(t, call, args);
	return record_telling(t, call, args, record_moved);
}

/* A thread that goes from one processor to the next asks each who it is, by CPUID (hwloc does). */
static void watch_processors(struct thread *t, const unsigned long args[6])
{
	uint64_t mask[16] = {0}; /* 1024 processors */
	unsigned long len = args[1] < sizeof(mask) ? args[1] : sizeof(mask);
	uint32_t only = 0; /* 1 + its number */

	if ((args[0] && (long)args[0] != t->tid) || !dj_read_user(mask, (const void *)args[2], len))
		return;
	for (uint32_t i = 0; i < 1024; i++) {
		if (!(mask[i / 64] >> (i % 64) & 1))
			continue;
		if (only)
			return;
		only = 1 + i;
	}
	if (only && t->only_on && t->only_on != only && !RT->processors_told) {
		RT->processors_told = 1;
		record_note(t->slot, "a thread goes from processor to processor: what it learns of each by the "
				     "instruction CPUID is not recorded, and a replay asks its own");
	}
	t->only_on = only;
}

/* Another recorded process, by more than looking. */
static bool traces_recorded(const unsigned long args[6])
{
	static const uint16_t requests[] = {PTRACE_POKETEXT, PTRACE_POKEDATA, PTRACE_POKEUSER, PTRACE_SETREGS,
					    PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_SYSCALL, PTRACE_SETREGSET};
	const struct session *s = RT->session;
	bool found = false;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		found |= args[0] == requests[i];
	for (unsigned i = 0; found && i < s->slots_used; i++) {
		const struct slot *slot = session_slot(RT->session, i);

		if (slot->state == SLOT_RUNNING && slot->pid == (int32_t)args[1] && slot != RT->slot)
			return true;
	}
	return false;
}

/* A driver's own ioctl: what is another there afterwards, it has written. */
static long record_untold(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	uint8_t before[IOCTL_UNTOLD_MAX], after[IOCTL_UNTOLD_MAX];
	const void *memory = (const void *)args[2];
	size_t len = sizeof(before), page_left = 4096 - args[2] % 4096;
	long ret;

	if (!dj_fetch_user(before, memory, len))
		len = page_left < len && dj_fetch_user(before, memory, page_left) ? page_left : 0;
	ret = record_generic(t, call, args);
	if (!dj_fetch_user(after, memory, len))
		return ret;
	while (len && after[len - 1] == before[len - 1])
		len--;
	if (len == sizeof(before))
		record_note(t->slot, "an ioctl that deja does not know wrote to memory, perhaps more than was seen: "
				     "a replay may miss the rest");
	if (len)
		record_memory_at(t->slot, args[2], after, len);
	return ret;
}

long record_watched(struct thread *t, const struct tf_call *call,
			   const unsigned long args[6])
{
	uint8_t role;
	long ret;

	switch (call->nr) {
	case SYS_set_robust_list:
		ret = record_generic(t, call, args);
		if (!ret)
			t->robust_list = args[0];
		return ret;
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
	case SYS_pwritev:
	case SYS_pwritev2:
	case SYS_sendto:
	case SYS_sendmsg:
		role = role_of(t, (unsigned)args[0]);
		if (role == ROLE_MEMORY)
			return record_memory_write(t, call, args);
		if (role && role != ROLE_STATUS)
			return record_output(t, call, args, role);
		return record_changing(t, call, args);
	case SYS_open:
	case SYS_openat:
	case SYS_openat2:
	case SYS_creat:
		ret = record_changing(t, call, args);
		if (ret >= 0) {
			record_shadow_opened(t, (int)ret, record_open_flags(call->nr, args));
			role_set(t, ret, role_opened(t, call, args, ret));
		}
		return ret;
	case SYS_read:
	case SYS_pread64:
		if (role_of(t, (unsigned)args[0]) == ROLE_STATUS)
			return record_status_read(t, call, args);
		break;
	case SYS_wait4:
	case SYS_waitid:
		ret = record_generic(t, call, args);
		record_waited(t, call->nr, args, ret);
		return ret;
	case SYS_accept:
	case SYS_accept4:
	case SYS_connect:
		return record_telling(t, call, args, record_address);
	case SYS_sendfile:
		/* the bytes would not pass through memory: let it fall back */
		if (role_of(t, (unsigned)args[0]))
			return record_answer(t, call, args, -EINVAL);
		return record_moving(t, call, args);
	case SYS_splice:
	case SYS_copy_file_range:
		if (role_of(t, (unsigned)args[2]))
			return record_answer(t, call, args, -EINVAL);
		return call->nr == SYS_splice ? record_moving(t, call, args)
					      : record_changing(t, call, args);
	case SYS_getrlimit:
		return record_limits(t, call, args, &ret) ? ret : record_generic(t, call, args);
	case SYS_unshare:
	case SYS_setns: /* of any kind: a pidfd's is not known here */
		RT->session->pid_namespaces = 1;
		break;
	case SYS_truncate:
	case SYS_ftruncate:
	case SYS_fallocate:
		return record_changing(t, call, args);
	case SYS_mlockall:
		return record_mlockall(t, call, args);
	case SYS_semctl:
		ret = record_generic(t, call, args);
		if (ret >= 0 && (int)args[2] == GETALL)
			record_semaphores(t->slot, args);
		return ret;
	case SYS_ioctl:
		if (record_shadow_of(t, call->nr, args))
			return record_changing(t, call, args);
		if (ioctl_is_untold(args))
			return record_untold(t, call, args);
		ret = record_generic(t, call, args);
		if (ret >= 0 || (args[1] == FS_IOC_FIEMAP && ret == -EBADR /* it tells of which flags */))
			record_beside(t->slot, call->nr, args);
		return ret;
	case SYS_sched_setaffinity:
		ret = record_generic(t, call, args);
		if (!ret)
			watch_processors(t, args);
		return ret;
	case SYS_ptrace:
		/* From then on every signal stops it, our own SIGSYS among them, and its maker, who would let it
		 * go on, waits for it to execute. */
		if (args[0] == PTRACE_TRACEME && t->vfork_child) {
			t->trace_me = true;
			return record_answer(t, call, args, 0);
		}
		ret = record_generic(t, call, args);
		if (ret >= 0 && args[0] == PTRACE_GETREGSET)
			record_beside(t->slot, call->nr, args);
		if (ret >= 0 && !RT->traces && traces_recorded(args)) {
			RT->traces = 1;
			record_note(t->slot, "it traces a recorded program: it sees the recorder's own calls and signals, "
					     "and what it changes there a replay does not");
		}
		return ret;
	case SYS_tee:
		if (role_of(t, (unsigned)args[1]))
			return record_answer(t, call, args, -EINVAL);
		break;
	case SYS_close:
	case SYS_dup:
	case SYS_dup2:
	case SYS_dup3:
	case SYS_fcntl:
	case SYS_close_range:
		ret = record_generic(t, call, args);
		if (ret >= 0)
			roles_follow(t, call->nr, args, ret);
		return ret;
	}
	return record_generic(t, call, args);
}
