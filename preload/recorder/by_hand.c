/*
 * The recorder: calls with code of their own, the rows marked BYHAND: which code that is. Where it is
 * little, it is here.
 */
#include <sys/syscall.h>
#include <errno.h>
#include <sys/prctl.h>
#include "record.h"

static long record_local(struct thread *t, const struct tf_call *call,
			 const unsigned long args[6],
			 long (*apply)(const unsigned long args[6]))
{
	struct record_pre pre;
	int64_t now = dj_now();
	long ret;

	record_pre_take(call, args, &pre);
	ret = apply(args);
	record_emit_call(t, call, args, ret, now, now, &pre);
	return ret;
}

/* What the program is told about itself where the kernel would tell of the runtime. */
static long record_prctl(struct thread *t, const struct tf_call *call,
			 const unsigned long args[6])
{
	uint64_t clear_tid = (uint64_t)t->clear_tid;
	int32_t tsc = PR_TSC_ENABLE;
	int64_t now = dj_now();
	bool told = true;

	switch ((int)args[0]) {
	case PR_SET_TSC:
		return record_answer(t, call, args, args[1] == PR_TSC_ENABLE ? 0 : -EINVAL);
	case PR_GET_TSC:
		told = dj_write_user((void *)args[1], &tsc, sizeof(tsc));
		break;
	case PR_GET_TID_ADDRESS:
		told = dj_write_user((void *)args[1], &clear_tid, sizeof(clear_tid));
		break;
	default:
		return record_generic(t, call, args);
	}
	record_emit_call(t, call, args, told ? 0 : -EFAULT, now, now, NULL);
	return told ? 0 : -EFAULT;
}

long record_by_hand(struct thread *t, struct pregs *p, const struct tf_call *call,
			   const unsigned long args[6])
{
	int64_t now;
	long ret;

	switch (call->nr) {
	case SYS_mmap:
		return record_mmap(t, p, args);
	case SYS_clone:
	case SYS_fork:
	case SYS_vfork:
		return record_clone(t, p, args);
	case SYS_execve:
	case SYS_execveat:
		return record_exec(t, p, args);
	case SYS_exit:
	case SYS_exit_group:
		return record_exit(t, p, args);
	case SYS_kill:
	case SYS_tkill:
	case SYS_tgkill:
	case SYS_rt_sigqueueinfo:
	case SYS_rt_tgsigqueueinfo:
		return record_kill(t, p, args);
	case SYS_rt_sigaction:
		return record_local(t, call, args, signals_action_apply);
	case SYS_rt_sigprocmask:
		return record_local(t, call, args, signals_mask_apply);
	case SYS_set_tid_address:
		t->clear_tid = (int32_t *)args[0];
		return record_answer(t, call, args, t->tid);
	case SYS_setrlimit:
	case SYS_prlimit64:
		return record_limits(t, call, args, &ret) ? ret : record_generic(t, call, args);
	case SYS_shmat:
		return record_shmat(t, call, args);
	case SYS_seccomp:
	case SYS_prctl:
		if ((call->nr == SYS_seccomp || args[0] == 22 /* PR_SET_SECCOMP */) &&
		    record_seccomp(t, call->nr, args, &ret))
			return ret;
		return call->nr == SYS_prctl ? record_prctl(t, call, args)
					     : record_generic(t, call, args);
	case SYS_sigaltstack:
		now = dj_now();
		ret = signals_altstack(t, p, args);
		record_emit_call(t, call, args, ret, now, now, NULL);
		return ret;
	case SYS_arch_prctl:
		if (args[0] == ARCH_GET_GS)
			return record_local(t, call, args, record_get_gs);
		if (args[0] == ARCH_SET_GS)
			return record_set_gs(t, call, args);
		return record_generic(t, call, args);
	case SYS_process_vm_writev:
		return record_vm_write(t, call, args);
	}
	return record_generic(t, call, args);
}
