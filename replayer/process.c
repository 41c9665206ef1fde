/*
 * Processes on replay: fork really forks, exec really execs, under recorded ids. The
 * children find their own streams.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <sched.h>
#include <errno.h>
#include "replay.h"
#include "image.h"

static void child_begin(struct thread *t, struct slot *slot)
{
	struct event ev;
	struct tf_in *in = &ev.in;

	RT->live_pid = (int32_t)dj_raw(SYS_getpid);
	slot->live_pid = RT->live_pid;
	RT->slot = t->slot = slot;
	t->roles = slot->fd_role;
	RT->slot_index = slot_index_of(slot);
	RT->event_no = 0;
	threads_forget_others(t);
	thread_activate(t);
	trap_arm();
	preempt_forget();
	__atomic_store_n(&slot->state, SLOT_RUNNING, __ATOMIC_SEQ_CST);
	if (!head_open(slot->stream, 0)) {
		/* it was killed before its first event */
		slot->finished = FINISHED_CUT;
		__atomic_store_n(&slot->state, SLOT_ENDED, __ATOMIC_SEQ_CST);
		for (;;)
			dj_raw(SYS_exit_group, 0);
	}
	ev = head_peek(t);
	if (ev.id != TF_EV_CHILD)
		diverge(t, DIVERGED_OTHER, SYS_clone, NULL,
			"a child's stream does not begin with its birth");
	tf_get_int(in); /* dt */
	tf_get_int(in); /* parent's stream */
	RT->pid = (int32_t)tf_get_int(in);
	tf_get_int(in); /* ppid */
	t->tid = (int32_t)tf_get_int(in);
	RT->replay_tid = t->tid;
	head_take(t, &ev);
	domains_peek(t); /* a member's child waits for its turn */
	debug_begin(t);
}

/* vfork and posix_spawn: the child runs in our memory, its events are in our stream until
 * it execs; then the call's own event follows. */
static long clone_sharing(struct thread *t, struct pregs *p, const unsigned long args[6],
			  unsigned long flags, const struct tf_call *call)
{
	struct thread *child = thread_alloc();
	struct event ev;
	long ret;

	if (!child)
		diverge(t, DIVERGED_UNSUPPORTED, (long)p->nr, args, "too many threads");
	child->roles = t->roles;
	child->slot = t->slot;
	child->vfork_child = 1;
	child->guest = slot_guest_enter(t->slot);
	child->vfork_parent = t->tid;
	child->altstack = t->altstack;
	signals_actions_copy(child, t);
	child->child_regs = *p;
	child->clone_stack = (p->nr == SYS_clone && args[1]) ? args[1] : pregs_rsp(p);
	do
		ret = thread_clone(child,
				   flags & ~(unsigned long)(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
							    CLONE_CHILD_CLEARTID | CLONE_PIDFD),
				   NULL, NULL, args[4]);
	while (ret == -EINTR);
	RT->sched_owner = t;
	if (ret < 0)
		diverge(t, DIVERGED_UNSUPPORTED, (long)p->nr, args,
			"this machine cannot make another process");
	if (child->guest)
		__atomic_store_n(child->guest, 0, __ATOMIC_SEQ_CST);
	thread_free(child);
	ev = turn_wait(t);
	if (!ev.id || ev.id == TF_EV_END)
		stream_end(t, (long)p->nr, args);
	if (ev.id != call->id)
		diverge(t, DIVERGED_CALL, (long)p->nr, args, "");
	ret = match_call(t, &ev, call, args);
	head_take(t, &ev);
	head_take_memory(t, (long)p->nr, args, ret, head_memory_room((long)p->nr, args));
	p->rax = (uint64_t)ret;
	debug_leave(t, trap_resume_rip(p->rip));
	dj_leave(p, trap_resume_rip(p->rip), pregs_rsp(p));
}

void boundary_child(struct thread *t)
{
	struct event ev;

	if (t->vfork_child) {
		ev = head_peek(t);
		t->tid = (int32_t)RT->replay_tid;
		RT->sched_owner = t;
	} else {
		sched_await(t);
		ev = head_peek(t);
	}
	if (!ev.id || ev.id == TF_EV_END)
		stream_end(t, SYS_clone, NULL);
	if (ev.id != TF_EV_START || RT->replay_tid != t->tid)
		diverge(t, DIVERGED_OTHER, -1, NULL,
			"a thread begins here, not in the recording");
	head_take(t, &ev);
	debug_leave(t, trap_resume_rip(t->child_regs.rip));
}

/* A thread: its clone's event comes first and says its id. */
static long clone_thread(struct thread *t, struct pregs *p, const unsigned long args[6],
			 long tid)
{
	struct thread *child = thread_alloc();
	long live;

	if (!child)
		diverge(t, DIVERGED_UNSUPPORTED, SYS_clone, args, "too many threads");
	child->roles = t->roles;
	child->slot = t->slot;
	child->tid = (int32_t)tid;
	child->child_regs = *p;
	child->clone_stack = args[1] ? args[1] : pregs_rsp(p);
	child->apart = !(args[0] & (CLONE_THREAD | CLONE_VFORK));
	if (child->apart)
		child->guest = slot_guest_enter(t->slot);
	if (!(args[0] & CLONE_SIGHAND))
		signals_actions_copy(child, t);
	oracles_arm();
	RT->multi = 1;
	RT->thread_count++;
	if (args[0] & CLONE_PARENT_SETTID)
		*(int32_t *)args[2] = (int32_t)tid;
	do
		live = thread_clone(child,
				    args[0] & ~(unsigned long)(CLONE_PARENT_SETTID | CLONE_PIDFD),
				    NULL, (int32_t *)args[3], args[4]);
	while (live == -EINTR);
	if (live < 0)
		diverge(t, DIVERGED_UNSUPPORTED, SYS_clone, args,
			"this machine cannot make another thread");
	return tid;
}

/* A slot for a stream that begins at this call. */
static struct slot *claim_slot(struct thread *t, uint32_t stream, long nr,
			       const unsigned long args[6])
{
	struct slot *slot = slot_claim(t, stream, t->slot->stream);

	if (!slot && RT->session->slots_used < SLOT_COUNT)
		diverge(t, SLOT_CANNOT_RUN, nr, args,
			"/dev/shm has no room for another process; " SESSION_SHM_ADVICE);
	if (!slot)
		diverge(t, DIVERGED_UNSUPPORTED, nr, args, "too many processes at once");
	return slot;
}

/* Forks a child that goes on with its stream. `pid`: its recorded id, 0 when not known.
 * Returns 0 in the child, else its live id. */
static long make_child(struct thread *t, struct pregs *p, const unsigned long args[6],
		       unsigned long flags, uint32_t stream, int32_t pid)
{
	struct slot *slot = claim_slot(t, stream, (long)p->nr, args);
	long live;

	slot->pid = pid;
	do /* the sandbox asks, and a signal may end the question */
		live = dj_raw(SYS_clone, 17, 0, 0, 0, 0);
	while (live == -EINTR);
	if (live < 0)
		diverge(t, DIVERGED_UNSUPPORTED, (long)p->nr, args,
			"this machine cannot make another process");
	if (live == 0) {
		child_begin(t, slot);
		if (flags & CLONE_NEWIPC)
			semaphores_forget();
		if ((flags & CLONE_CHILD_SETTID) && p->nr == SYS_clone)
			*(int32_t *)args[3] = t->tid;
		if (p->nr == SYS_clone && args[1]) {
			p->rax = 0;
			dj_leave(p, trap_resume_rip(p->rip), args[1]);
		}
		return 0;
	}
	slot_tell_pid(slot, stream, &slot->live_pid, (int32_t)live);
	return live;
}

bool replay_last_fork(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	unsigned long flags = p->nr == SYS_clone ? args[0] : 17;
	uint32_t stream = RT->pending_stream;

	if (!stream || (p->nr != SYS_clone && p->nr != SYS_fork) || (flags & CLONE_VM))
		return false;
	RT->pending_stream = 0;
	return make_child(t, p, args, flags, stream, 0) == 0;
}

long replay_clone(struct thread *t, struct pregs *p, const unsigned long args[6],
		  struct event *ev, const struct tf_call *call)
{
	unsigned long flags = thread_clone_flags((long)p->nr, args);
	uint32_t stream;
	long ret;

	ret = match_call(t, ev, call, args);
	head_take(t, ev);
	stream = RT->pending_stream;
	RT->pending_stream = 0;
	if (ret < 0)
		return ret;
	if (flags & CLONE_VFORK) /* it was killed before its first event */
		stream = 0;
	else if (flags & CLONE_VM)
		ret = clone_thread(t, p, args, ret);
	else if (stream && make_child(t, p, args, flags, stream, (int32_t)ret) == 0)
		return 0;
	head_take_memory(t, (long)p->nr, args, ret, head_memory_room((long)p->nr, args));
	if (stream && (flags & CLONE_PARENT_SETTID) && p->nr == SYS_clone)
		*(int32_t *)args[2] = (int32_t)ret;
	return ret;
}

long replay_vfork(struct thread *t, struct pregs *p, const unsigned long args[6],
		  const struct tf_call *call)
{
	return clone_sharing(t, p, args, thread_clone_flags((long)p->nr, args), call);
}

/* Ends a process that shares our memory; it was killed in the recording, or this one ends. */
static void thread_kill(struct thread *apart)
{
	struct k_timespec step = {0, 100 * 1000};

	dj_raw(SYS_kill, apart->live_tid, 9);
	while (!thread_is_gone(apart))
		dj_raw(SYS_nanosleep, &step, 0);
	thread_bury(apart);
}

void threads_kill_apart(void)
{
	struct thread *next;

	for (struct thread *a = RT->multi ? threads_apart(NULL) : NULL; a; a = next) {
		next = threads_apart(a);
		if (a != dj_self())
			thread_kill(a);
	}
}

/* The pid that this wait has reaped, 0: none. */
static int32_t reaped(long nr, const unsigned long args[6], long result)
{
	const int32_t *info = (const int32_t *)args[2];
	const int32_t *status = (const int32_t *)args[1];

	if (result < 0)
		return 0;
	if (nr == SYS_waitid) /* CLD_EXITED, CLD_KILLED, CLD_DUMPED */
		return info && info[2] >= 1 && info[2] <= 3 ? info[3] : 0;
	if (status && (*status & 0xff) == 0x7f) /* stopped */
		return 0;
	return status && *status == 0xffff /* continued */ ? 0 : (int32_t)result;
}

void await_end(struct thread *t, int32_t pid)
{
	struct session *s = RT->session;
	struct k_timespec step = {0, 500 * 1000};
	struct thread *apart = pid > 0 && RT->multi ? thread_by_tid(pid) : NULL;

	if (apart && apart->apart) { /* it was killed; here it waits for its turn */
		thread_kill(apart);
		return;
	}
	for (unsigned i = 0; pid > 0 && i < s->slots_used && i < SLOT_COUNT; i++) {
		struct slot *slot = session_slot(s, i);
		uint32_t state;

		while (slot->pid == pid && slot != t->slot &&
		       ((state = slot->state) == SLOT_CLAIMED || state == SLOT_RUNNING)) {
			if (slot_is_outlived(slot))
				break;
			halt_if_over(s);
			t->slot->waits_seq = WAITS_CHILD | (uint32_t)pid;
			dj_raw(SYS_futex, &slot->state, FUTEX_WAIT, state, &step);
		}
	}
	t->slot->waits_seq = 0;
}

void await_child(struct thread *t, long nr, const unsigned long args[6], long result)
{
	await_end(t, reaped(nr, args, result));
}

long replay_exec(struct thread *t, struct pregs *p, const unsigned long args[6],
		 struct event *ev, const struct tf_call *call)
{
	struct event next, image_event;
	struct slot *slot = t->slot;
	struct image img;
	uint32_t path_len, external, stream;
	const uint8_t *path;
	const char *live = (const char *)args[p->nr == SYS_execveat ? 1 : 0];
	long ret;

	tf_get_int(&ev->in); /* dt */
	path = tf_get_bytes(&ev->in, &path_len);
	external = (uint32_t)tf_get_int(&ev->in);
	stream = (uint32_t)tf_get_int(&ev->in);
	if (ev->in.bad)
		diverge(t, DIVERGED_UNDECODABLE, (long)p->nr, args, "an exec event");
	if (dj_strlen(live) != path_len || dj_compare(live, path, path_len))
		diverge_bytes(t, (long)p->nr, args, 0, 0, path, path_len,
			      (const uint8_t *)live, dj_strlen(live));
	next = head_peek_behind(ev);
	head_take(t, ev);
	if (next.id == call->id) {
		struct event failed = domains_peek(t);

		if (RT->replay_tid != t->tid) /* another's, of those who share our memory */
			failed.id = 0;
		if (failed.id) {
			ret = match_call(t, &failed, call, args);
			head_take(t, &failed);
			return ret;
		}
	}
	if (external) {
		if (!(t->vfork_child || t->apart))
			stream_end(t, (long)p->nr, args);
		turn_exit(t);
	}
	image_event = next;
	if (stream) {
		slot = claim_slot(t, stream, (long)p->nr, args);
		slot->live_pid = (int32_t)dj_raw(SYS_getpid);
		image_event = head_first_of(stream);
	}
	/* it was killed, or recording ended, before the image began */
	if (!image_event.id || image_event.id == TF_EV_END) {
		if (!(t->vfork_child || t->apart))
			stream_end(t, (long)p->nr, args);
		slot->finished = FINISHED_CUT;
		__atomic_store_n(&slot->state, SLOT_ENDED, __ATOMIC_SEQ_CST);
		turn_exit(t);
	}
	if (!image_decode(&image_event, &img))
		diverge(t, DIVERGED_OTHER, (long)p->nr, args,
			"the recording has no program image after exec");
	slot->pid = img.pid;
	if (!t->vfork_child)
		domains_depart();
	debug_last(t);
	if (stream && !(t->vfork_child || t->apart)) { /* the old one is that of those who share our memory */
		struct event theirs = domains_peek(t);

		__atomic_store_n(&t->slot->left, 1, __ATOMIC_SEQ_CST);
		t->slot->finished = FINISHED_END;
		RT->sched_owner = NULL;
		if (theirs.id && theirs.id != TF_EV_END)
			turn_give(t);
	}
	turn_leave_memory(t);
	signals_for_exec(t, true);
	ret = image_exec(t, &img, slot);
	diverge_result(t, (long)p->nr, args, 0, (uint64_t)ret);
}
