/*
 * The token: the right to run program code. One thread of a process holds it at a time,
 * so that between crossings exactly one thread runs, and a process's events are one
 * totally ordered list, appended by the token's holder alone. The recorder passes it on
 * first come, first served (sched_release, sched_acquire); the replayer to the thread
 * whose event is at the head of the stream (sched_pass). As long as a process has had one
 * thread only and shares no memory with other processes, nobody calls us.
 *
 * No lock of libc, no allocation. The queue is guarded by a small futex lock that is held
 * for a few instructions; signal handlers never take it.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include <fcntl.h>
#include "runtime.h"
#include "preempt.h"

static void guard_lock(void)
{
	uint32_t free_state = 0;

	if (__atomic_compare_exchange_n(&RT->sched_guard, &free_state, 1, false,
					__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&RT->sched_guard, 2, __ATOMIC_ACQUIRE))
		dj_raw(SYS_futex, &RT->sched_guard, FUTEX_WAIT_PRIVATE, 2, 0);
}

static void guard_unlock(void)
{
	if (__atomic_exchange_n(&RT->sched_guard, 0, __ATOMIC_RELEASE) == 2)
		dj_raw(SYS_futex, &RT->sched_guard, FUTEX_WAKE_PRIVATE, 1);
}

static void wake(struct thread *t)
{
	__atomic_store_n(&t->turn, 1, __ATOMIC_RELEASE);
	dj_raw(SYS_futex, &t->turn, FUTEX_WAKE_PRIVATE, 1);
}

/* The first who waits, or NULL, is the token's holder from here on. Under the guard. */
static struct thread *pass_on(void)
{
	struct thread *next = RT->sched_first;

	RT->sched_owner = next;
	if (next) {
		next->queued = false;
		RT->sched_first = next->sched_next;
		if (!RT->sched_first)
			RT->sched_last = NULL;
		RT->sched_waiting--;
		RT->sched_pausing -= next->pause_waits;
	}
	return next;
}

static void queue_up(struct thread *t)
{
	t->sched_next = NULL;
	if (RT->sched_last)
		RT->sched_last->sched_next = t;
	else
		RT->sched_first = t;
	RT->sched_last = t;
	t->queued = true;
	RT->sched_waiting++;
	RT->sched_pausing += t->pause_waits;
}

char sched_state(int32_t live_tid)
{
	char path[32] = "/proc/", text[128];
	unsigned at = 6;
	long fd, n;

	for (int32_t rest = live_tid, unit = 1000000000; unit; unit /= 10)
		if (rest / unit || at > 6)
			path[at++] = (char)('0' + rest / unit % 10);
	dj_copy(path + at, "/stat", 6);
	fd = RT->sandboxed ? -EACCES : dj_raw(SYS_open, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	n = dj_raw(SYS_read, fd, text, sizeof(text) - 2);
	dj_raw(SYS_close, fd);
	while (n > 0 && text[n - 1] != ')') /* the name may have one, too */
		n--;
	return n > 0 ? text[n + 1] : 0;
}

bool sched_is_stopped(int32_t live_tid)
{
	char state = sched_state(live_tid);

	return state == 't' || state == 'T';
}

/*
 * A holder that was passed the token and stopped before it took it has run nothing, so it can be
 * taken back: a tracer that shares our memory (LeakSanitizer's) stops its maker and runs on alone.
 * The thread queues up again as soon as it runs. Under the guard.
 */
static bool take_back(struct thread *owner)
{
	uint32_t passed = 1;

	if (!__atomic_load_n(&owner->turn, __ATOMIC_ACQUIRE) || !sched_is_stopped(owner->live_tid) ||
	    !__atomic_compare_exchange_n(&owner->turn, &passed, 0, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&owner->shelved, true, __ATOMIC_RELEASE);
	return true;
}

/* Whether the token is ours at once. */
static bool queue_again(struct thread *t)
{
	bool free_token;

	guard_lock();
	__atomic_store_n(&t->shelved, false, __ATOMIC_RELEASE);
	free_token = !RT->sched_owner;
	if (free_token)
		RT->sched_owner = t;
	else
		queue_up(t);
	guard_unlock();
	return free_token;
}

/* Of a process that has ended, though the memory is there: of our maker's, or another that shares it. */
static bool is_dead(const struct thread *t)
{
	return !t->process || dj_raw(SYS_kill, t->process, 0) == -ESRCH;
}

/* The process that made us and whose stream this is has ended, with or without its turn: it goes on
 * among those who live. Under the guard; who has it from here on, if that has changed. */
static struct thread *inherit(struct thread *t)
{
	struct thread *owner = RT->sched_owner, **at = &RT->sched_first, *queued;

	RT->sched_last = NULL;
	while ((queued = *at)) {
		if (!is_dead(queued)) {
			RT->sched_last = queued;
			at = &queued->sched_next;
			continue;
		}
		*at = queued->sched_next;
		queued->queued = false;
		RT->sched_waiting--;
		RT->sched_pausing -= queued->pause_waits;
	}
	if (!owner || !is_dead(owner))
		return NULL;
	boundary_holder_killed(owner);
	return RT->session->mode == SESSION_RECORD ? pass_on() : (RT->sched_owner = boundary_heir(t));
}

/* Who shares memory with a process that has been killed: looks whether it waits in vain. */
static void look_for_maker(struct thread *t)
{
	struct session *s = RT->session;
	struct thread *next;

	if (!t->process)
		return;
	if (__atomic_load_n(&RT->slot->orphaned, __ATOMIC_SEQ_CST) ||
	    (s->mode == SESSION_RECORD && RT->leaver && !__atomic_load_n(&RT->leaver->alive, __ATOMIC_SEQ_CST))) {
		guard_lock();
		next = inherit(t);
		guard_unlock();
		if (next)
			wake(next);
	} else if (dj_raw(SYS_kill, RT->live_pid, 0) == -ESRCH) {
		if (s->mode == SESSION_REPLAY && (RT->slot->left || !RT->slot->finished))
			return; /* the supervisor will say whether it is ours now */
		if (s->mode == SESSION_REPLAY)
			for (;;)
				dj_raw(SYS_exit_group, 0);
		if (dj_raw(SYS_kill, s->supervisor_pid, 0) == -ESRCH) /* which would have said so */
			RT->passthrough = 1;
	}
}

enum { REPLAY_LOOK_NS = 500 * 1000 * 1000 };

/* Where nobody gets the turn any more (the replay was killed, a stream is damaged), nobody
 * comes to look whether the replay is over. */
static void die_with_replay(void)
{
	if (dj_raw(SYS_kill, RT->session->supervisor_pid, 0) == -ESRCH)
		for (;;)
			dj_raw(SYS_exit_group, 0);
}

/* How long one that waits sleeps until it looks at the owner. In a long queue each looks seldom, at times of
 * chance, and who finds another owner than before looks again soon: somebody looks all the time, and thousands
 * do not take the processor from the owner. */
static void choose_step(struct k_timespec *step, const struct thread *t, const struct thread *owner, bool soon)
{
	int64_t ns = owner && owner->spins ? PREEMPT_SPIN_NS : boundary_patience_ns(t);
	uint64_t others = t->pause_waits || soon ? 0 : RT->sched_waiting / 4;
	uint64_t chance = ((uint64_t)dj_now() ^ (uint64_t)t->tid << 32) * 0x9e3779b97f4a7c15ull >> 32;

	if (others)
		ns += ns * (int64_t)(chance % (others + 1));
	*step = (struct k_timespec){ns / 1000000000, ns % 1000000000};
}

static void wait_for_turn(struct thread *t, bool insist)
{
	struct k_timespec step, look = {0, REPLAY_LOOK_NS};
	bool soon = false;

	while (!__atomic_exchange_n(&t->turn, 0, __ATOMIC_ACQUIRE) && !RT->passthrough) {
		struct thread *owner = RT->sched_owner;
		int64_t since = owner ? owner->slice_start_ns : 0;
		bool replay = RT->session->mode == SESSION_REPLAY;
		long r;

		choose_step(&step, t, owner, soon);
		r = dj_raw(SYS_futex, &t->turn, FUTEX_WAIT_PRIVATE, 0,
				insist || t->process ? &step
				: replay	 ? &look
						 : 0);

		if (__atomic_load_n(&t->shelved, __ATOMIC_ACQUIRE) && queue_again(t))
			break;
		/* the same thread all that time: it may never cross by itself */
		if (r != -ETIMEDOUT)
			continue;
		if (replay)
			die_with_replay();
		look_for_maker(t);
		if (!insist)
			continue;
		soon = !soon && owner && (owner != RT->sched_owner || owner->slice_start_ns != since);
		guard_lock();
		if (owner && owner == RT->sched_owner && thread_is_gone(owner)) {
			boundary_holder_killed(owner); /* alone; or another program now */
			thread_bury(owner);
			owner = pass_on();
		} else if (owner && owner == RT->sched_owner && take_back(owner)) {
			owner = pass_on();
		} else if (owner && owner == RT->sched_owner &&
			   owner->slice_start_ns == since && !owner->vfork_child &&
			   !owner->leaving) {
			t->pause_asked = RT->pause_starves = t->pause_vain > t->pause_patience;
			preempt_request(owner);
			owner = NULL;
		} else {
			owner = NULL;
		}
		guard_unlock();
		if (owner)
			wake(owner);
	}
	t->turn = 0;
}

void sched_reset(struct thread *t)
{
	RT->sched_guard = 0;
	RT->sched_first = RT->sched_last = NULL;
	RT->sched_owner = t;
	RT->sched_waiting = RT->sched_pausing = 0;
	t->pause_waits = false;
	t->leaving = false;
	RT->domains_held = 0;
	RT->thread_count = 1;
	t->turn = 0;
}

void sched_open(void)
{
	struct thread *t;

	guard_lock();
	for (t = RT->sched_first; t; t = t->sched_next)
		wake(t);
	guard_unlock();
	boundary_domains_give(dj_self(), false);
	RT->domains = 0;
}

void sched_release(struct thread *t)
{
	struct thread *next;

	if (RT->domains)
		boundary_domains_give(t, false);
	if (!RT->multi)
		return; /* nobody to give it to */
	guard_lock();
	next = pass_on();
	guard_unlock();
	if (next)
		wake(next);
}

static void acquire_own(struct thread *t)
{
	guard_lock();
	if (!RT->sched_owner) {
		RT->sched_owner = t;
		guard_unlock();
		return;
	}
	queue_up(t);
	guard_unlock();
	wait_for_turn(t, true);
}

void sched_acquire(struct thread *t)
{
	if (RT->multi)
		acquire_own(t);
	t->slice_start_ns = dj_now();
	if (RT->domains)
		boundary_domains_take(t);
}

/* Whoever is woken may run at once, on this processor instead of us: we are in the queue then. (One
 * that computes is better off later, behind those who come back from calls meanwhile: for it
 * sched_release and sched_acquire.) */
void sched_go_round(struct thread *t)
{
	struct thread *next = NULL;

	if (RT->domains)
		boundary_domains_give(t, true);
	if (RT->multi) {
		guard_lock();
		if (RT->sched_first) {
			next = pass_on();
			queue_up(t);
		}
		guard_unlock();
	}
	if (next) {
		wake(next);
		wait_for_turn(t, true);
	}
	t->slice_start_ns = dj_now();
	if (RT->domains)
		boundary_domains_take(t);
}

bool sched_wanted(const struct thread *t)
{
	if (RT->multi && RT->sched_owner != t)
		return false;
	return RT->sched_waiting || (RT->domains && boundary_domains_wanted());
}

void sched_leave(struct thread *t, bool leaving)
{
	guard_lock();
	t->leaving = leaving;
	guard_unlock();
}

void sched_inherit(struct thread *t, struct thread *child)
{
	guard_lock();
	if (RT->sched_owner == child) {
		RT->sched_owner = t;
		guard_unlock();
		if (RT->domains) /* it may have been killed on its way to them */
			boundary_domains_take(t);
		return;
	}
	for (struct thread **at = &RT->sched_first, *last = NULL; *at;
	     last = *at, at = &(*at)->sched_next)
		if (*at == child) {
			*at = child->sched_next;
			if (RT->sched_last == child)
				RT->sched_last = last;
			RT->sched_waiting--;
			RT->sched_pausing -= child->pause_waits;
			child->queued = false;
			break;
		}
	guard_unlock();
	sched_acquire(t);
}

void sched_pass(struct thread *t, struct thread *to)
{
	RT->sched_owner = to;
	wake(to);
	wait_for_turn(t, false);
}

void sched_give(struct thread *to)
{
	RT->sched_owner = to;
	wake(to);
}

void sched_await(struct thread *t)
{
	wait_for_turn(t, false);
}
