/*
 * The replayer's boundary: every crossing is answered from the stream. Nothing falls
 * through to the live world.
 */
#include <sys/syscall.h>
#include <sched.h>
#include "replay.h"
#include "preempt.h"

static void end_process(struct thread *t, long nr)
{
	threads_kill_apart();
	domains_leave(t);
	t->slot->finished = nr == SYS_exit && RT->multi ? FINISHED_LAST : FINISHED_END;
	__atomic_store_n(&t->slot->state, SLOT_ENDED, __ATOMIC_SEQ_CST);
}

static long replay_exit(struct thread *t, const struct tf_call *call,
			const unsigned long args[6], struct event *ev)
{
	if (match_call(t, ev, call, args) == TF_RESTART) { /* a signal first */
		head_take(t, ev);
		return TF_RESTART;
	}
	head_take(t, ev);
	debug_last(t);
	if (t->apart || (call->nr == SYS_exit && !t->vfork_child && RT->thread_count > 1)) {
		uint64_t block = ~0ull;

		dj_raw(SYS_rt_sigprocmask, 2, &block, 0, 8);
		thread_clear_tid(t);
		if (t->process || threads_of_ours(t)) {
			thread_bury(t);
			turn_leave(t);
		} else {
			turn_outlived(t);
			end_process(t, call->nr);
		}
	} else if (!t->vfork_child) {
		turn_outlived(t);
		if (head_peek(t).id)
			diverge(t, DIVERGED_LEFT_OVER, call->nr, args, "");
		end_process(t, call->nr);
	}
	for (;;)
		dj_raw(call->nr, args[0]);
}

static bool is_vfork(long nr, const unsigned long args[6])
{
	return nr == SYS_vfork || (nr == SYS_clone && (args[0] & (CLONE_VM | CLONE_VFORK)) ==
							      (CLONE_VM | CLONE_VFORK));
}

bool boundary_enter(struct thread *t, const struct pregs *p)
{
	(void)t;
	(void)p;
	return false; /* nothing is ever made as it is */
}

void boundary_leave(struct thread *t, const struct pregs *p)
{
	(void)t;
	(void)p;
}

long boundary_call(struct thread *t, struct pregs *p)
{
	const unsigned long args[6] = {p->rdi, p->rsi, p->rdx, p->r10, p->r8, p->r9};
	long nr = (int)p->nr;
	const struct tf_call *call = tf_call_by_nr(nr);
	struct memory_room room;
	struct event ev;
	long result;
	bool waits;

	debug_enter(t, p);
	if (!call)
		return -38; /* ENOSYS, as the recorder answered */
	if (nr == SYS_futex)
		futex_enter(t, args, &result); /* before others run */
	if (is_vfork(nr, args)) {
		/* the token was kept until the child began: its first event is at the head */
		ev = head_peek(t);
		if (ev.id == TF_EV_START && RT->replay_tid != t->tid &&
		    !thread_by_tid((int32_t)RT->replay_tid))
			return replay_vfork(t, p, args, call);
	}
	ev = turn_wait(t);
	if (!ev.id || ev.id == TF_EV_END) {
		if (!ev.id && replay_last_fork(t, p, args))
			return 0;
		stream_end(t, nr, args);
	}
	debug_stack(t, p);
	if (ev.id == TF_EV_EXEC && (nr == SYS_execve || nr == SYS_execveat))
		return replay_exec(t, p, args, &ev, call);
	if (ev.id == TF_EV_PREEMPT)
		preempt_missed(t, nr, args);
	if (pause_is_due(&ev))
		diverge(t, DIVERGED_OTHER, nr, args,
			"a thread was to let others run before this, in a loop that waits for them (PAUSE)");
	if (ev.id != call->id)
		diverge(t, DIVERGED_CALL, nr, args, "");
	switch (nr) {
	case SYS_exit:
	case SYS_exit_group:
		return replay_exit(t, call, args, &ev);
	case SYS_vfork:
	case SYS_clone:
	case SYS_fork:
		return replay_clone(t, p, args, &ev, call);
	}
	room = head_memory_room(nr, args);
	result = match_call(t, &ev, call, args);
	head_take(t, &ev);
	if (RT->pending_role)
		output_echo(t, call, args, result);
	if (nr == SYS_wait4 || nr == SYS_waitid)
		await_child(t, nr, args, result);
	waits = fresh_make_way();
	result = local_effect(t, p, call, args, result);
	if (waits)
		fresh_come_back(t);
	head_take_memory(t, nr, args, result, nr == SYS_shmat ? head_segment_room((uint64_t)result) : room);
	return result;
}

bool boundary_clock(struct thread *t, unsigned which, int64_t *ns)
{
	struct event ev = turn_wait(t);

	if (!ev.id || ev.id == TF_EV_END)
		stream_end(t, SYS_clock_gettime, NULL);
	if (ev.id != TF_EV_CLOCK)
		return false; /* the call's own event decides */
	if ((unsigned)tf_get_int(&ev.in) != which)
		diverge(t, DIVERGED_CALL, SYS_clock_gettime, NULL, "another clock is read");
	t->slot->clocks[which] += tf_get_int(&ev.in);
	*ns = t->slot->clocks[which];
	head_take(t, &ev);
	debug_leave_clock(t);
	return true;
}

/* A real signal: replay knows only recorded ones. */
void boundary_signal(struct thread *t, int signo, const struct k_siginfo *info)
{
}

bool boundary_has_oracle(unsigned kind)
{
	return true; /* as in the recording */
}

bool boundary_signal_due(struct thread *t)
{
	return head_peek(t).id == TF_EV_SIGNAL && RT->replay_tid == t->tid;
}

bool boundary_next_signal(struct thread *t, long result, struct k_siginfo *info)
{
	struct event ev = head_peek(t);
	const uint8_t *bytes;
	uint32_t len;

	if (ev.id != TF_EV_SIGNAL || RT->replay_tid != t->tid) {
		if (result != TF_RESTART)
			debug_leave_call(t);
		return false;
	}
	tf_get_int(&ev.in); /* dt */
	tf_get_int(&ev.in); /* signo */
	bytes = tf_get_bytes(&ev.in, &len);
	if (ev.in.bad || len != sizeof(*info))
		diverge(t, DIVERGED_UNDECODABLE, 0, NULL, "a signal event");
	dj_copy(info, bytes, sizeof(*info));
	if (info->signo < 1 || info->signo > 64)
		diverge(t, DIVERGED_UNDECODABLE, 0, NULL, "a signal event");
	head_take(t, &ev);
	t->crossing = NULL; /* it is not returned from */
	debug_leave(t, t->actions->action[info->signo].handler);
	return true;
}

uint64_t boundary_tsc(struct thread *t, bool with_aux, int64_t *aux)
{
	struct event ev = turn_wait(t);
	uint64_t value;

	if (!ev.id || ev.id == TF_EV_END)
		stream_end(t, -1, NULL);
	value = (uint64_t)tf_get_int(&ev.in);
	*aux = tf_get_int(&ev.in);
	if (ev.id != TF_EV_TSC || ev.in.bad || with_aux != (*aux >= 0))
		diverge(t, DIVERGED_OTHER, -1, NULL, "the time stamp counter is read");
	head_take(t, &ev);
	return value;
}

unsigned boundary_oracle(struct thread *t, unsigned kind, uint64_t *value)
{
	struct event ev = turn_wait(t);
	unsigned was, flag;

	if (!ev.id || ev.id == TF_EV_END)
		stream_end(t, -1, NULL);
	was = (unsigned)tf_get_int(&ev.in);
	*value = (uint64_t)tf_get_int(&ev.in);
	flag = (unsigned)tf_get_int(&ev.in);
	if (ev.id != TF_EV_INSN || ev.in.bad || was != kind || flag > ORACLE_UNKNOWN)
		diverge(t, DIVERGED_OTHER, -1, NULL,
			"the program asks the processor: rdrand, rdseed, rdpid or cpuid");
	head_take(t, &ev);
	return flag;
}

bool boundary_sigreturn(struct thread *t, const struct k_ucontext *to)
{
	struct event ev = turn_wait(t);

	if (!ev.id || ev.id == TF_EV_END)
		stream_end(t, SYS_rt_sigreturn, NULL);
	if (ev.id != tf_call_by_nr(SYS_rt_sigreturn)->id)
		diverge(t, DIVERGED_CALL, SYS_rt_sigreturn, NULL, "");
	head_take(t, &ev);
	return true;
}

bool boundary_interrupt(struct thread *t, const struct k_siginfo *info,
			struct k_ucontext *uc)
{
	return false;
}

void boundary_signal_waits(struct thread *t)
{
}

void boundary_holder_killed(const struct thread *holder)
{
}

void boundary_fault(struct thread *t, struct k_ucontext *uc)
{
	uc->mc.rip = preempt_original_rip(uc->mc.rip);
}
