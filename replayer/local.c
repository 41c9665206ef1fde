/*
 * Calls that change this process alone are performed on replay too, at the recorded
 * addresses, and their results compared.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <fcntl.h>
#include <errno.h>
#include "replay.h"
#include "preload/own_memory.h"

/* Opens stored file `id` through the supervisor's link in the session's directory. */
static long open_stored(uint32_t id)
{
	char path[SESSION_DIR_LEN + 16], *p = path + SESSION_DIR_LEN;

	dj_copy(path, RT->dir, SESSION_DIR_LEN);
	*p++ = '/';
	*p++ = 'f';
	p = dj_put_dec(p, id);
	*p = 0;
	return dj_raw(SYS_open, path, O_RDONLY | O_CLOEXEC, 0);
}

static long local_mmap(struct thread *t, const unsigned long a[6], long result)
{
	/* MAP_TYPE holds kinds beyond shared and private (MAP_DROPPABLE): private here */
	unsigned long flags = a[3] & ~(unsigned long)(MAP_FIXED_NOREPLACE | MAP_TYPE |
						      MAP_HUGETLB | MAP_LOCKED | MAP_SYNC);
	uint32_t file = RT->pending_file, shadow = RT->pending_shadow;
	uint32_t oracles = RT->pending_oracle_count;
	long fd = -1, r;

	RT->pending_file = RT->pending_shadow = RT->pending_oracle_count = 0;
	if (file && !shadow) /* somebody opened it for writing later */
		shadow = shadow_of_file(file);
	/* what the program did not ask to be replaced is free here as well */
	if (!(a[3] & MAP_FIXED))
		flags |= MAP_FIXED_NOREPLACE;
	else if ((unsigned long)result != a[0])
		diverge_result(t, SYS_mmap, a, (uint64_t)result, a[0]);
	/* shared memory without a file (/dev/zero's, too) must stay shared with children */
	flags |= (!file || shadow) && (a[3] & MAP_TYPE) != MAP_PRIVATE ? MAP_SHARED : MAP_PRIVATE;
	if (!(a[3] & MAP_ANONYMOUS)) {
		if (file) {
			fd = shadow ? shadow_open(shadow, file) : open_stored(file);
			if (fd < 0)
				diverge(t, DIVERGED_UNSUPPORTED, SYS_mmap, a,
					"a mapped file is missing from the recording");
		} else {
			flags |= MAP_ANONYMOUS;
		}
	}
	r = dj_raw(SYS_mmap, result, a[1], a[2], flags, fd, fd >= 0 ? a[5] : 0);
	if (fd >= 0)
		dj_raw(SYS_close, fd);
	if (r != result)
		diverge_result(t, SYS_mmap, a, (uint64_t)result, (uint64_t)r);
	if (oracles) {
		oracles_forget((uint64_t)r, a[1]);
		oracles_plant(t, RT->pending_oracles, oracles, (uint64_t)r, (uint64_t)r + a[1],
			      a[2] & PROT_WRITE);
	}
	return result;
}

/* The kernel's own break is the loader's: memory comes and goes where the program's was. */
static void local_brk(struct thread *t, const unsigned long a[6])
{
	uint64_t old = (RT->brk + 4095) & ~4095ul, new = (a[0] + 4095) & ~4095ul;
	long r = 0;

	if (new > old)
		r = dj_raw(SYS_mmap, old, new - old, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	else if (new < old)
		r = dj_raw(SYS_munmap, new, old - new);
	if (DJ_IS_ERR(r))
		diverge_result(t, SYS_brk, a, a[0], (uint64_t)r);
	RT->brk = a[0];
}

static long local_mremap(struct thread *t, const unsigned long a[6], long result)
{
	long r;

	if ((unsigned long)result == a[0])
		r = dj_raw(SYS_mremap, a[0], a[1], a[2], 0, 0);
	else if ((a[3] & MREMAP_FIXED) && (unsigned long)result != a[4])
		r = -EINVAL;
	else if (!(a[3] & MREMAP_FIXED) &&
		 dj_raw(SYS_mmap, result, a[2], PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
			0) != result)
		r = -EEXIST;
	else
		r = dj_raw(SYS_mremap, a[0], a[1], a[2],
			   a[3] | MREMAP_MAYMOVE | MREMAP_FIXED, result);
	if (r != result)
		diverge_result(t, SYS_mremap, a, (uint64_t)result, (uint64_t)r);
	return result;
}

/* What gets memory at the recorded place. */
static long local_map(struct thread *t, int nr, const unsigned long a[6], long result)
{
	bool planted;

	if (nr == SYS_brk && (unsigned long)result != a[0])
		return result; /* asked only, or refused */
	planted = preempt_make_way();
	switch (nr) {
	case SYS_mmap:
		result = local_mmap(t, a, result);
		break;
	case SYS_shmat:
		result = shadow_attach(t, a, result);
		break;
	case SYS_mremap:
		result = local_mremap(t, a, result);
		break;
	case SYS_brk:
		local_brk(t, a);
		break;
	}
	if (planted)
		preempt_come_back(t);
	return result;
}

static void apply_stack_limit(const unsigned long *limit)
{
	struct rlimit now;

	if (dj_raw(SYS_prlimit64, 0, RLIMIT_STACK, 0, &now))
		return;
	now.rlim_cur = limit[0];
	if (now.rlim_max != RLIM_INFINITY && now.rlim_cur > now.rlim_max)
		now.rlim_cur = now.rlim_max;
	dj_raw(SYS_prlimit64, 0, RLIMIT_STACK, &now, 0);
}

/*
 * The thread dies of a signal where the program stands, not in the middle of us: debuggers
 * and core files shall show the program. The signal is sent while it is blocked, and opened
 * by the return to the program.
 */
static void die_in_program(struct thread *t, const struct pregs *p, int signo)
	__attribute__((noreturn));
static void die_in_program(struct thread *t, const struct pregs *p, int signo)
{
	struct k_sigaction act = {0};
	uint64_t block = ~SIGSYS_BIT;
	struct k_ucontext uc = {
		.flags = 2 | 4, /* UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
		.stack = {.sp = (uint64_t)t->sigstack, .size = THREAD_SIGSTACK_LEN},
		.mc = {.r8 = p->r8, .r9 = p->r9, .r10 = p->r10, .r11 = p->flags,
		       .r12 = p->r12, .r13 = p->r13, .r14 = p->r14, .r15 = p->r15,
		       .rdi = p->rdi, .rsi = p->rsi, .rbp = p->rbp, .rbx = p->rbx,
		       .rdx = p->rdx, .rcx = p->rip, .rsp = pregs_rsp(p), .rip = p->rip,
		       .eflags = p->flags, .cs = 0x33, .ss = 0x2b},
		.mask = ~SIG_BIT(signo),
	};

	boundary_dies(signo);
	dj_raw(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &block, 0, 8);
	dj_raw(SYS_rt_sigaction, signo, &act, 0, 8);
	dj_raw(SYS_tgkill, RT->live_pid, t->live_tid, signo);
	dj_raw_sigreturn(&uc);
}

/* A fatal signal to ourselves happens here too. */
static void local_kill(struct thread *t, const struct pregs *p, long nr,
		       const unsigned long a[6])
{
	bool thread_call = nr == SYS_tgkill || nr == SYS_rt_tgsigqueueinfo;
	int signo = (int)(thread_call ? a[2] : a[1]);
	int target = (int)a[0];
	bool self = nr == SYS_tkill ? target == t->tid
				    : target == (t->apart ? t->tid : RT->pid) ||
					      (nr == SYS_kill && target <= 0);
	struct event next;

	if (!self && signo == 9 && RT->domains_held && nr == SYS_kill)
		await_end(t, target); /* its locks are free afterwards */
	if (!self || signo < 1 || signo > 64)
		return;
	if (t->apart) { /* the others' events follow */
		if (signo == 9 || (t->actions->action[signo].handler == 0 &&
				   !(signals_mask(t) & SIG_BIT(signo)) &&
				   signals_fatal_by_default(signo)))
			turn_exit(t);
		return;
	}
	next = head_peek(t);
	if (next.id)
		return; /* it lived on */
	if (signo == 9 || (t->actions->action[signo].handler == 0 &&
			   signals_fatal_by_default(signo))) {
		t->slot->finished = FINISHED_END;
		domains_leave(t);
		if (signo != 9 && !t->vfork_child)
			die_in_program(t, p, signo);
		signals_die(signo);
	}
}

long local_effect(struct thread *t, struct pregs *p, const struct tf_call *call,
		  const unsigned long args[6], long result)
{
	long r;

	if (result < 0 && DJ_IS_ERR(result)) {
		RT->pending_file = RT->pending_shadow = RT->pending_oracle_count = 0;
		return result;
	}
	if (call->nr == SYS_munmap && own_memory_call(call->nr, args, &r))
		return result;
	switch (call->nr) {
	case SYS_mmap:
	case SYS_shmat:
	case SYS_mremap:
	case SYS_brk:
		return local_map(t, call->nr, args, result);
	case SYS_shmdt:
		shadow_detach(args[0]);
		return result;
	case SYS_semget:
	case SYS_semctl:
	case SYS_unshare:
	case SYS_setns:
		semaphores_see(call->nr, args, result);
		break;
	case SYS_madvise: /* advice: a private snapshot may refuse what the file took */
		dj_raw(SYS_madvise, args[0], args[1], args[2]);
		return result;
	case SYS_rt_sigaction:
		if (args[1]) {
			unsigned long only_new[6] = {args[0], args[1], 0, args[3]};

			signals_action_apply(only_new);
		}
		return result;
	case SYS_rt_sigprocmask:
		if (args[1]) {
			unsigned long only_new[6] = {args[0], args[1], 0, args[3]};

			signals_mask_apply(only_new);
		}
		return result;
	case SYS_set_robust_list:
		t->robust_list = args[0];
		return result;
	case SYS_set_tid_address:
		t->clear_tid = (int32_t *)args[0];
		return result;
	case SYS_sigaltstack:
		signals_altstack(t, p, args);
		return result;
	case SYS_prlimit64:
		if ((int)args[1] == RLIMIT_STACK && args[2])
			apply_stack_limit((const unsigned long *)args[2]);
		return result;
	case SYS_setrlimit:
		if ((int)args[0] == RLIMIT_STACK && args[1])
			apply_stack_limit((const unsigned long *)args[1]);
		return result;
	case SYS_kill:
	case SYS_tkill:
	case SYS_tgkill:
	case SYS_rt_sigqueueinfo:
	case SYS_rt_tgsigqueueinfo:
		local_kill(t, p, call->nr, args);
		return result;
	case SYS_process_vm_writev: /* to our own memory, by whichever of its threads' ids */
		if (!thread_is_ours((int32_t)args[0]))
			return result;
		r = dj_raw(SYS_process_vm_writev, RT->live_pid, args[1], args[2], args[3], args[4], args[5]);
		if (r != result)
			diverge_result(t, call->nr, args, (uint64_t)result, (uint64_t)r);
		return result;
	}
	if (RT->pending_shadow)
		shadow_change(call->nr, args, result);
	if (tf_class_resolve(call, args) == TF_LOCAL) {
		r = dj_raw6(call->nr, (long)args[0], (long)args[1], (long)args[2],
			    (long)args[3], (long)args[4], (long)args[5]);
		if (r != result)
			diverge_result(t, call->nr, args, (uint64_t)result, (uint64_t)r);
	}
	return result;
}
