/*
 * The recorder's boundary: makes the call, then appends what crossed. One generic way for
 * almost every call; the table says which have code of their own (BYHAND) and which are
 * watched besides (WATCHED).
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <poll.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <linux/sockios.h>
#include "record.h"
#include "own_memory.h"

long record_wait(struct thread *t, long nr, const unsigned long args[6])
{
	long ret;

	if (record_alone())
		return dj_raw_wait(nr, args);
	if (nr == SYS_sched_yield && record_yield(t))
		return 0;
	if (RT->crowded_until_ns && !RT->domains && crowd_call(t, nr, args, &ret))
		return ret;
	sched_release(t);
	ring_kick_aside(t->slot);
	ret = dj_raw_wait(nr, args);
	if (nr == SYS_futex)
		t->futex_ns = (uint64_t)dj_now();
	if (RT->multi && RT->sched_owner)
		crowd_meet();
	sched_acquire(t);
	return ret;
}

/* A thread that crosses without ever waiting must not starve the others. */
static bool share(struct thread *t, int64_t now)
{
	if (!(RT->sched_waiting | RT->domains) || now - t->slice_start_ns < SLICE_NS ||
	    !sched_wanted(t))
		return false;
	sched_release(t);
	sched_acquire(t);
	return true;
}

bool record_share(struct thread *t)
{
	return share(t, dj_now());
}

static uint8_t role_of(const struct thread *t, unsigned long fd)
{
	return fd < FD_ROLE_COUNT ? t->roles[fd] : TF_ROLE_NONE;
}

static void role_set(struct thread *t, long fd, uint8_t role)
{
	if (fd >= 0 && fd < FD_ROLE_COUNT)
		t->roles[fd] = role;
}

/* Which descriptors are the recording's own standard output and error follows the
 * descriptors through dup and close. */
static void roles_follow(struct thread *t, long nr, const unsigned long a[6], long ret)
{
	switch (nr) {
	case SYS_close:
		role_set(t, (int)a[0], TF_ROLE_NONE);
		break;
	case SYS_dup:
		role_set(t, ret, role_of(t, (unsigned)a[0]));
		break;
	case SYS_dup2:
	case SYS_dup3:
		role_set(t, ret, role_of(t, (unsigned)a[0]));
		break;
	case SYS_fcntl:
		if ((int)a[1] == F_DUPFD || (int)a[1] == F_DUPFD_CLOEXEC)
			role_set(t, ret, role_of(t, (unsigned)a[0]));
		break;
	case SYS_close_range:
		if (!(a[2] & 4)) /* CLOSE_RANGE_CLOEXEC */
			for (unsigned long fd = (unsigned)a[0];
			     fd <= (unsigned)a[1] && fd < FD_ROLE_COUNT; fd++)
				t->roles[fd] = TF_ROLE_NONE;
		break;
	}
}

/* The role of a descriptor that was opened now: /dev/stdout and its like are the recording's
 * own output under a name. */
static uint8_t role_opened(struct thread *t, const struct tf_call *call,
			   const unsigned long args[6], long fd)
{
	const struct session *s = RT->session;
	unsigned long flags = call->nr == SYS_creat  ? O_WRONLY
			      : call->nr == SYS_open ? args[1]
						     : args[2];
	struct stat st;
	uint8_t shown = view_role((const char *)args[call->nr == SYS_openat], fd);

	if (shown)
		return shown == ROLE_MEMORY && !(flags & O_ACCMODE) ? TF_ROLE_NONE : shown;
	if (!(flags & O_ACCMODE) || !(s->output[0].ino | s->output[1].ino) ||
	    dj_raw(SYS_fstat, fd, &st) < 0)
		return TF_ROLE_NONE;
	for (unsigned i = 0; i < 2; i++)
		if (s->output[i].ino == st.st_ino && s->output[i].dev == st.st_dev) {
			uint8_t role = (uint8_t)(TF_ROLE_STDOUT + i);

			if (!S_ISREG(st.st_mode))
				return role;
			if (!(flags & O_APPEND)) {
				record_note(t->slot, "it opened the file that is its output by a "
						     "name: what it writes there a replay does "
						     "not print");
				return TF_ROLE_NONE;
			}
			if (!s->output[i].appends)
				record_note(t->slot, "it opened the file that is its output by a "
						     "name, to append: where its output "
						     "overwrites that, a replay prints both");
			return role;
		}
	return TF_ROLE_NONE;
}

static long record_generic(struct thread *t, const struct tf_call *call,
			   const unsigned long args[6])
{
	struct record_pre pre;
	unsigned shape = record_shape(call);
	bool needs_pre = shape & SHAPE_PRE;
	bool quick = (shape & SHAPE_SUB ? tf_flags_resolve(call, args) : call->flags) &
		     TF_QUICK;
	int64_t t0 = dj_now(), t1;
	long ret;

	/* before: what was performed is told before anybody else goes on */
	if (quick && share(t, t0))
		t0 = dj_now();
	if (needs_pre)
		record_pre_take(call, args, &pre);
	if (quick) {
		ret = dj_raw6(call->nr, (long)args[0], (long)args[1], (long)args[2],
			      (long)args[3], (long)args[4], (long)args[5]);
		t1 = t0; /* as short as reading the clock again: not measured */
	} else {
		ret = RT->domains ? record_wait_aside(t, call, args)
				  : record_wait(t, call->nr, args);
		t1 = dj_now();
	}
	record_emit_call(t, call, args, ret, t0, t1, needs_pre ? &pre : NULL);
	return ret;
}

/* One round of a futex call (futex.c); TF_RESTART leads to the next. */
static long record_futex(struct thread *t, const struct tf_call *call,
			 const unsigned long args[6], enum futex_way way, long entered)
{
	int64_t t0 = dj_now();
	unsigned long wait[6];
	long ret = entered;

	if (way == FUTEX_WAKES) {
		ret = futex_wakes(args, entered);
	} else if (way == FUTEX_WAITS) {
		futex_wait_args(args, entered, wait);
		ret = record_wait(t, SYS_futex, wait);
		if (ret == 0 || ret == -EAGAIN || ret == -EINTR)
			ret = TF_RESTART;
	}
	record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
	return ret;
}

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
	uint32_t shadow = 0;

	if (RT->session->shadow_count)
		shadow = record_shadow_of(call->nr, args);
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
	if (RT->session->shadow_count && record_shadow_of(call->nr, args))
		return record_changing(t, call, args);
	return record_telling(t, call, args, record_moved);
}

static void record_semaphores(struct thread *t, const unsigned long args[6])
{
	struct semid_ds ds;

	if (!dj_raw(SYS_semctl, args[0], 0, IPC_STAT, &ds))
		record_memory(t->slot, (const void *)args[3], ds.sem_nsems * sizeof(uint16_t));
}

/* So does what PTRACE_GETREGSET is given. */
static void record_registers(struct thread *t, const struct k_iovec *registers)
{
	record_memory(t->slot, registers->base, registers->len);
}

/* struct ifconf points at its buffer. */
static void record_interfaces(struct thread *t, const int32_t *conf)
{
	const void *buf = *(void *const *)(conf + 2);

	if (buf && conf[0] > 0)
		record_memory(t->slot, buf, (size_t)conf[0]);
}

/* What an ioctl wrote besides the memory that its row names. */
static void record_ioctl_memory(struct thread *t, const unsigned long args[6], long ret)
{
	const struct fiemap *map = (const void *)args[2];
	const struct file_dedupe_range *ranges = (const void *)args[2];
	uint32_t count;

	if (args[1] == SIOCGIFCONF && ret >= 0)
		record_interfaces(t, (const void *)args[2]);
	if (args[1] == FS_IOC_FIEMAP && (ret >= 0 || ret == -EBADR /* it tells of which flags */)) {
		count = map->fm_mapped_extents < map->fm_extent_count ? map->fm_mapped_extents : map->fm_extent_count;
		record_memory(t->slot, map, sizeof(*map) + (ret >= 0 ? count : 0) * sizeof(*map->fm_extents));
	}
	if (args[1] == FIDEDUPERANGE && ret >= 0)
		record_memory(t->slot, ranges, sizeof(*ranges) + ranges->dest_count * sizeof(*ranges->info));
}

/* Answers without asking the kernel. */
static long record_answer(struct thread *t, const struct tf_call *call,
			  const unsigned long args[6], long ret)
{
	int64_t now = dj_now();

	record_emit_call(t, call, args, ret, now, now, NULL);
	return ret;
}

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

/* The call has had no effect: the signal first, then the call again. */
static long record_interrupted(struct thread *t, const struct tf_call *call,
			       const unsigned long args[6])
{
	struct record_pre pre;
	bool needs_pre = record_shape(call) & SHAPE_PRE;
	int64_t now = dj_now();

	if (needs_pre)
		record_pre_take(call, args, &pre);
	record_emit_call(t, call, args, TF_RESTART, now, now, needs_pre ? &pre : NULL);
	return TF_RESTART;
}

/* The kernel does to it what the program's filter says. */
static long record_forbidden(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	struct record_pre pre;
	bool needs_pre = record_shape(call) & SHAPE_PRE;
	int64_t t0 = dj_now();
	long ret;

	if (needs_pre)
		record_pre_take(call, args, &pre);
	ret = dj_raw_wait(call->nr, args);
	record_emit_call(t, call, args, ret, t0, dj_now(), needs_pre ? &pre : NULL);
	return ret;
}

static long record_by_hand(struct thread *t, struct pregs *p, const struct tf_call *call,
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
		ret = record_generic(t, call, args);
		if (ret > 0 && !thread_is_ours((int32_t)args[0]))
			record_note(t->slot, "it wrote to another process's memory: a replay does not");
		return ret;
	}
	return record_generic(t, call, args);
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

/* The rows marked WATCHED: which descriptors are the recording's own output, what changes a
 * mapped file, whose child has ended. tests/cli/watched.sh holds cases and rows together. */
static long record_watched(struct thread *t, const struct tf_call *call,
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
		if (role == ROLE_MEMORY) {
			ret = record_generic(t, call, args);
			record_memory_written(t, call->nr, args, ret);
			return ret;
		}
		if (role && role != ROLE_STATUS)
			return record_output(t, call, args, role);
		return record_changing(t, call, args);
	case SYS_open:
	case SYS_openat:
	case SYS_creat:
		ret = record_changing(t, call, args);
		if (ret >= 0)
			role_set(t, ret, role_opened(t, call, args, ret));
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
	case SYS_semctl:
		ret = record_generic(t, call, args);
		if (ret >= 0 && (int)args[2] == GETALL)
			record_semaphores(t, args);
		return ret;
	case SYS_ioctl:
		ret = record_generic(t, call, args);
		record_ioctl_memory(t, args, ret);
		return ret;
	case SYS_sched_setaffinity:
		ret = record_generic(t, call, args);
		if (!ret)
			watch_processors(t, args);
		return ret;
	case SYS_ptrace:
		ret = record_generic(t, call, args);
		if (ret >= 0 && args[0] == PTRACE_GETREGSET)
			record_registers(t, (const void *)args[3]);
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

/* Makes and records a call, as its class says. */
static long record_classed(struct thread *t, struct pregs *p, const struct tf_call *call,
			   const unsigned long args[6])
{
	long nr = call->nr, ret;

	if (RT->sandboxed && !record_sandbox_allows(nr, args))
		return record_forbidden(t, call, args);
	if (own_memory_concerned(nr) && own_memory_call(nr, args, &ret))
		return record_answer(t, call, args, ret);
	reach_protect(nr, args);
	switch (record_shape(call) & SHAPE_SUB ? tf_class_resolve(call, args)
					       : (enum tf_class)call->cls) {
	case TF_REFUSE:
		return record_answer(t, call, args,
				     -tf_refuse_errno(call, args));
	case TF_BYHAND:
		return record_by_hand(t, p, call, args);
	default:
		break;
	}
	if (call->flags & TF_WATCHED)
		return record_watched(t, call, args);
	return record_generic(t, call, args);
}

static long fair_futex(struct thread *t, struct pregs *p, const struct tf_call *call, const unsigned long args[6])
{
	long ret = fair_enter(t, args) ? fair_wake(t, call, args) : record_classed(t, p, call, args);

	t->futex_pos = t->slot->pos;
	return ret;
}

long boundary_call(struct thread *t, struct pregs *p)
{
	const unsigned long args[6] = {p->rdi, p->rsi, p->rdx, p->r10, p->r8, p->r9};
	long nr = (int)p->nr;
	const struct tf_call *call;
	long ret;

	if (RT->passthrough)
		return record_passthrough(t, p, args);
	call = tf_call_by_nr(nr);
	if (!call) {
		record_note(t->slot, "a system call that the table does not know was "
				     "answered with ENOSYS");
		return -ENOSYS;
	}
	if (stack_wanted(nr))
		record_stack(t, p);
	if (nr == SYS_futex && !(RT->sandboxed && !record_sandbox_allows(nr, args))) {
		enum futex_way way = futex_enter(t, args, &ret);

		if (way != FUTEX_PLAIN)
			return record_futex(t, call, args, way, ret);
	}
	if (t->pending && !record_put_back(t, call, p)) /* caught in program code */
		return record_interrupted(t, call, args);
	ret = nr == SYS_futex ? fair_futex(t, p, call, args) : record_classed(t, p, call, args);
	record_put_back_end(t);
	return ret;
}

bool boundary_clock(struct thread *t, unsigned which, int64_t *ns)
{
	struct slot *slot = t->slot;
	struct k_timespec ts;
	uint8_t buf[32], *room, *p;

	if (t->pending || RT->trap_tsc || RT->clocks_unsure)
		return false; /* the call delivers it, or has the whole value; the vDSO reads the counter */
	if (which == TF_CLOCK_GETTIMEOFDAY || which == TF_CLOCK_TIME) {
		long (*original)(int64_t *, void *) = (void *)RT->vdso_gettimeofday;
		int64_t tv[2];

		if (!original || original(tv, NULL))
			return false;
		*ns = tv[0] * 1000000000 + (which == TF_CLOCK_TIME ? 0 : tv[1] * 1000);
	} else {
		long (*original)(long, struct k_timespec *) =
			(void *)RT->vdso_clock_gettime;

		/* CPU-time clocks are system calls in the vDSO as well: through the call */
		if (!original || which == 2 || which == 3 || original(which, &ts))
			return false;
		*ns = ts.sec * 1000000000 + ts.nsec;
	}
	if (RT->passthrough)
		return true;
	if (RT->sched_waiting | RT->domains)
		share(t, dj_now());
	record_thread_switch(t);
	room = ring_room(slot, sizeof(buf));
	p = room ? room : buf;
	*p++ = 0x93; /* an array of three */
	*p++ = TF_EV_CLOCK;
	*p++ = (uint8_t)which;
	p = tf_put_int(p, *ns - slot->clocks[which]);
	slot->clocks[which] = *ns;
	if (room)
		slot->pos += (size_t)(p - room);
	else
		ring_put(slot, buf, (size_t)(p - buf));
	ring_commit(slot);
	return true;
}

uint64_t boundary_tsc(struct thread *t, bool with_aux, int64_t *aux)
{
	uint64_t value;
	uint32_t core;

	if (RT->passthrough) {
		value = tsc_read(&core);
		*aux = core;
		return value;
	}
	share(t, dj_now());
	value = tsc_read(&core);
	*aux = with_aux ? (int64_t)core : -1;
	record_thread_switch(t);
	record_emit_ints(t->slot, TF_EV_TSC, 2, (int64_t)value, *aux, 0);
	ring_commit(t->slot);
	return value;
}
