/*
 * The recorder: processes begin and end. Every forked child gets a stream and a slot of its own, taken
 * by the parent beforehand so that nothing can fail in the child. A vfork child writes
 * to its parent's stream until it execs (exec.c).
 */
#include <sys/syscall.h>
#include <sched.h>
#include <errno.h>
#include "record.h"
#include "preload/detach.h"
#include "preload/own_memory.h"

/* In a child that has memory of its own. */
static void child_adopt(struct thread *t, struct slot *slot)
{
	RT->live_pid = RT->pid = (int32_t)dj_raw(SYS_getpid);
	RT->output_owner = 0;
	t->tid = RT->pid;
	threads_forget_others(t);
	RT->slot = t->slot = slot;
	t->roles = slot->fd_role;
	RT->slot_index = slot_index_of(slot);
	thread_activate(t);
	trap_arm();
}

static void emit_child(struct thread *t)
{
	struct slot *slot = t->slot;
	uint8_t buf[64], *p = buf;

	slot->last_tid = t->tid;
	slot->pid = RT->pid;
	__atomic_store_n(&slot->state, SLOT_RUNNING, __ATOMIC_SEQ_CST);
	p = tf_put_array(p, 6);
	p = tf_put_uint(p, TF_EV_CHILD);
	p = tf_put_uint(p, (uint64_t)record_dt(slot, dj_now()));
	p = tf_put_uint(p, slot->parent_stream);
	p = tf_put_int(p, RT->pid);
	p = tf_put_int(p, (int)dj_raw(SYS_getppid));
	p = tf_put_int(p, t->tid);
	ring_put(slot, buf, (size_t)(p - buf));
	ring_commit(slot);
}

/* The call's event, and the descriptor of the new process, which no argument of its row names: where
 * it is stored other flags have the kernel store other things. */
static void emit_clone(struct thread *t, const struct pregs *p, const unsigned long args[6],
		       unsigned long flags, long ret, int64_t t0)
{
	record_emit_call(t, tf_call_by_nr((int)p->nr), args, ret, t0, dj_now(), NULL);
	if ((flags & CLONE_PIDFD) && ret > 0 && !RT->passthrough)
		record_beside(t->slot, SYS_clone, args);
}

/* A thread, or what vfork and posix_spawn make: a child that runs in our memory until it
 * execs or exits, while this thread waits in the kernel. It has the token then. */
static long clone_sharing(struct thread *t, struct pregs *p, const unsigned long args[6],
			  unsigned long flags)
{
	const struct tf_call *call = tf_call_by_nr((int)p->nr);
	struct thread *child = thread_alloc();
	bool is_vfork = flags & CLONE_VFORK, apart = !(flags & (CLONE_VFORK | CLONE_THREAD));
	struct slot *slot = NULL;
	uint32_t stream = 0;
	int64_t t0 = dj_now();
	long ret;

	if (child && (is_vfork || apart)) {
		child->guest = slot_guest_enter(t->slot);
		if (!child->guest) {
			thread_free(child);
			child = NULL;
		}
	}
	if (!child) {
		record_note(t->slot, "a thread could not be started: too many at once");
		record_emit_call(t, call, args, -EAGAIN, t0, t0, NULL);
		return -EAGAIN;
	}
	if ((apart || (is_vfork && RT->multi)) && !RT->catch_faults)
		signals_catch_faults(t); /* it may outlive us: boundary_holder_killed */
	child->roles = t->roles;
	if (is_vfork || apart) {
		stream = record_next_stream();
		slot = slot_claim(t, stream, t->slot->stream);
		child->exec_slot = slot;
		if (slot && !(flags & CLONE_FILES))
			child->roles = slot->fd_role;
	}
	if (!is_vfork) {
		RT->multi = 1;
		RT->thread_count++;
	}
	child->slot = t->slot;
	child->vfork_child = is_vfork;
	child->apart = apart;
	if (is_vfork)
		child->altstack = t->altstack;
	if (!(flags & CLONE_SIGHAND))
		signals_actions_copy(child, t);
	child->child_regs = *p;
	child->clone_stack = (p->nr == SYS_clone && args[1]) ? args[1] : pregs_rsp(p);
	ret = thread_clone(child, flags, (int32_t *)args[2], (int32_t *)args[3], args[4]);
	if (is_vfork)
		sched_inherit(t, child);
	if (is_vfork || ret < 0) {
		if (slot && (apart || !child->execed))
			slot_release(slot);
		else if (slot) /* its image may never come up */
			slot_tell_pid(slot, stream, &slot->pid, (int32_t)ret);
		if (!is_vfork)
			RT->thread_count--;
		child->alive = 0;
		if (child->guest)
			__atomic_store_n(child->guest, 0, __ATOMIC_SEQ_CST);
		thread_free(child);
	} else {
		oracles_arm(); /* it awaits its turn */
	}
	emit_clone(t, p, args, flags, ret, t0);
	p->rax = (uint64_t)ret;
	/* the child may have used our stack below rsp: leave without reading it */
	if (is_vfork)
		dj_leave(p, trap_resume_rip(p->rip), pregs_rsp(p));
	return ret;
}

long record_clone(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	unsigned long flags = thread_clone_flags((long)p->nr, args);
	unsigned long clone_args[6] = {flags, 0, 0, 0, 0, 0}, fork_args[6] = {0};
	struct slot *slot = NULL;
	uint32_t stream;
	int64_t t0;
	long ret;

	if (p->nr == SYS_clone)
		dj_copy(clone_args, args, sizeof(clone_args));
	if (flags & CLONE_VM)
		return clone_sharing(t, p, clone_args, flags);
	stream = record_next_stream();
	slot = slot_claim(t, stream, t->slot->stream);
	if (!slot && !RT->passthrough && !RT->session->closed)
		record_note(t->slot, "a child is not recorded: too many processes at once");
	if (!RT->passthrough)
		record_domain_fork(t);
	/* before: who is killed in the call may have left a child */
	if (slot && !RT->passthrough) {
		record_thread_switch(t);
		record_emit_ints(t->slot, TF_EV_SPAWN, 1, stream, 0, 0);
		ring_commit(t->slot);
	}
	if (flags & CLONE_NEWPID)
		RT->session->pid_namespaces = 1;
	t0 = dj_now();
	dj_copy(fork_args, clone_args, sizeof(fork_args));
	fork_args[1] = 0;
	ret = dj_raw_wait(SYS_clone, fork_args);
	if (ret == 0) {
		if (slot) {
			child_adopt(t, slot);
			emit_child(t);
			if (RT->domains)
				boundary_domains_take(t);
		} else {
			RT->passthrough = 1;
			RT->domains = 0;
			RT->live_pid = (int32_t)dj_raw(SYS_getpid);
			thread_activate(t);
			trap_arm();
		}
		if (clone_args[1]) {
			p->rax = 0;
			dj_leave(p, trap_resume_rip(p->rip), clone_args[1]);
		}
		return 0;
	}
	if (slot) {
		if (ret < 0)
			slot_release(slot);
		else
			slot_tell_pid(slot, stream, &slot->pid, (int32_t)ret);
	}
	if (RT->passthrough)
		return ret;
	record_thread_switch(t);
	emit_clone(t, p, args, flags, ret, t0);
	return ret;
}

void boundary_child(struct thread *t)
{
	t->tid = (int32_t)dj_raw(SYS_gettid);
	if (RT->passthrough)
		return;
	if (t->vfork_child)
		RT->sched_owner = t;
	else
		sched_acquire(t);
	record_runs(t);
}

long record_exit(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	const struct tf_call *call = tf_call_by_nr((int)p->nr);
	int64_t now;

	if (p->nr == SYS_exit_group)
		record_output_settle(t);
	now = dj_now();
	record_emit_call(t, call, args, 0, now, now, NULL);
	if (t->apart || (p->nr == SYS_exit && !t->vfork_child && RT->thread_count > 1)) {
		uint64_t block = ~0ull;

		/* no handler of the program's any more: it would find no token */
		dj_raw(SYS_rt_sigprocmask, 2, &block, 0, 8);
		thread_clear_tid(t);
		thread_bury(t);
		sched_release(t);
	} else if (!t->vfork_child) {
		if (RT->domains)
			futex_robust_end(t); /* in our turn, not when the kernel comes to it */
		boundary_domains_give(t, false);
		/* else the stream goes on with those that share its memory, and the turn is theirs as
		 * soon as we are gone (sched.c) */
		if (!slot_has_guests(t->slot))
			__atomic_store_n(&t->slot->state, SLOT_ENDED, __ATOMIC_SEQ_CST);
	}
	for (;;)
		dj_raw(p->nr, args[0]);
}

/* kill(2): to this process, too? */
static bool kills_us(const struct thread *t, int target)
{
	if (target < -1)
		return dj_raw(SYS_getpgid, 0) == -target;
	return target == (t->apart ? t->tid : RT->pid) || !target;
}

/* SIGSTOP, or SIGTSTP, SIGTTIN, SIGTTOU that nobody handles. */
static bool stops(const struct thread *t, int signo)
{
	return signo == 19 || (signo >= 20 && signo <= 22 && !t->actions->action[signo].handler);
}

/*
 * Whether the thread that such a call names, if it names one, is of this process: else the call fails. another: not
 * the caller; it may wait for the signal or block it, and the process then lives on.
 */
static bool names_ours(const struct thread *t, long nr, const unsigned long args[6], bool *another)
{
	const struct thread *to;

	*another = false;
	if (nr != SYS_tgkill && nr != SYS_rt_tgsigqueueinfo)
		return true;
	to = thread_by_tid((int32_t)args[1]);
	*another = to != t;
	return to && (to == t || (!t->apart && !to->apart && !to->vfork_child));
}

/* A signal to ourselves that will end us must be in the stream before it is sent. */
long record_kill(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	const struct tf_call *call = tf_call_by_nr((int)p->nr);
	int target = (int)args[0];
	int signo = (int)(p->nr == SYS_tgkill || p->nr == SYS_rt_tgsigqueueinfo ? args[2]
										: args[1]);
	bool self = p->nr == SYS_tkill	? target == t->tid
		    : p->nr == SYS_kill ? kills_us(t, target)
					: target == (t->apart ? t->tid : RT->pid);
	bool another;
	struct k_sigaction act;
	uint64_t blocked = 0;
	int64_t t0 = dj_now();
	long ret;

	if (self && names_ours(t, (long)p->nr, args, &another) && signo >= 1 && signo <= 64) {
		dj_raw(SYS_rt_sigaction, signo, 0, &act, 8);
		/* pthread_kill() blocks all meanwhile. One with a queue may find it full. */
		if (!another || signo > 31)
			blocked = signals_mask(t);
		if (signo == SIGSYS_NR)
			act.handler = t->actions->action[signo].handler;
		if (signo == 9 || (act.handler == 0 && !(blocked & SIG_BIT(signo)) &&
				   signals_fatal_by_default(signo))) {
			record_output_settle(t);
			t0 = dj_now();
			record_emit_call(t, call, args, 0, t0, t0, NULL);
			if (RT->domains) { /* as at the exit */
				if (!another || signo == 9)
					futex_robust_end(t);
				boundary_domains_give(t, false);
			}
			if (signo == SIGSYS_NR)
				signals_die(signo);
			ret = dj_raw(p->nr, args[0], args[1], args[2], args[3]);
			/* it lives on: another thread, which blocks the signal, was meant */
			record_output_resume();
			if (RT->domains)
				boundary_domains_take(t);
			if (ret)
				record_note(t->slot, "a signal that should have ended the "
						     "process did not");
			return ret;
		}
	}
	/* in our turn: whom we share memory with stands somewhere definite then */
	ret = RT->domains && !(self && stops(t, signo))
		      ? record_domain_kill(p->nr, args, target, signo)
		      : record_wait(t, p->nr, args);
	record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
	return ret;
}

long record_passthrough(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	long ret;

	switch (p->nr) {
	case SYS_clone:
	case SYS_fork:
	case SYS_vfork:
		return record_clone(t, p, args);
	case SYS_execve:
	case SYS_execveat:
		return record_exec_make(t, (long)p->nr, args);
	case SYS_clone3:
	case SYS_rseq:
		return -ENOSYS;
	case SYS_sigaltstack:
		return signals_altstack(t, p, args);
	case SYS_arch_prctl:
		if (args[0] == ARCH_SET_GS)
			return record_set_gs(t, tf_call_by_nr(SYS_arch_prctl), args);
		if (args[0] == ARCH_GET_GS)
			return record_get_gs(args);
		break;
	case SYS_exit:
		thread_clear_tid(t);
		thread_free(t);
		break;
	case SYS_seccomp:
	case SYS_prctl:
		if (!t->vfork_child && !t->apart && record_is_filter((long)p->nr, args))
			detach(t); /* before it takes hold */
		break;
	case SYS_set_tid_address:
		t->clear_tid = (int32_t *)args[0];
		return t->tid;
	case SYS_rt_sigaction:
		return signals_action_apply(args);
	case SYS_rt_sigprocmask:
		return signals_mask_apply(args);
	}
	if (own_memory_call((long)p->nr, args, &ret))
		return ret;
	return dj_raw_wait((long)p->nr, args);
}
