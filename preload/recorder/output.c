/*
 * The recorder: calls that write to the recording's own standard output and error. Their order across
 * processes is kept, and so is what a thread has written when another ends the process: the replay
 * puts out what came out.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include <linux/limits.h>
#include <poll.h>
#include <sys/stat.h>
#include "preload/preempt.h"
#include "record.h"

enum {
	OUTPUT_LOCK_TRIES = 5,
	OUTPUT_LOCK_OWN_TRIES = 40, /* more, while it is another thread of this process */
	OUTPUT_LOCK_READY_TRIES = 10000, /* while it waits for nothing but a processor, or a disk */
	OUTPUT_LOCK_STEP_NS = 1000 * 1000,
	SETTLE_TRIES = 5000, /* a loaded machine may not let the other run for a while */
	SETTLE_STEP_NS = 100 * 1000,
};

/* From the owner; 0: nobody. False: *owner is another. */
static bool take_output(struct thread *t, struct session *s, uint32_t *owner, uint8_t role)
{
	uint32_t me = (uint32_t)thread_process(t);

	if (!__atomic_compare_exchange_n(&s->output_lock, owner, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	s->output_tid = t->live_tid;
	RT->output_owner = me;
	RT->output_role = role;
	return true;
}

/*
 * The lock that makes the order of outputs across processes the recorded order. Of one that is stopped or
 * waits in its call never waited for longer than a few milliseconds, or some tens within a process, but for
 * where the call would wait as well: it must not hold up others. One that only has no processor has
 * written, perhaps, and its output would be told in the wrong place.
 */
static bool output_lock(struct thread *t, struct session *s, uint8_t role)
{
	struct k_timespec step = {0, OUTPUT_LOCK_STEP_NS};
	unsigned ready = 0;

	for (int i = 0; i < OUTPUT_LOCK_TRIES + OUTPUT_LOCK_OWN_TRIES; i++) {
		uint32_t owner = 0;
		bool ours; /* of those who share our memory, and so the token */

		if (take_output(t, s, &owner, role) ||
		    /* killed while it wrote */
		    (dj_raw(SYS_kill, owner, 0) == -ESRCH && take_output(t, s, &owner, role)))
			return true;
		ours = owner == RT->output_owner;
		if (!ours && i >= OUTPUT_LOCK_TRIES) {
			char state = ready++ < OUTPUT_LOCK_READY_TRIES ? sched_state(s->output_tid) : 0;

			if (state != 'R' && state != 'D')
				break;
			i--;
		}
		if (ours && RT->output_role == role && !t->pending && !RT->exiting)
			i--; /* the pipe is full: there is no way around it */
		if (ours)
			sched_release(t);
		dj_raw(SYS_futex, &s->output_lock, FUTEX_WAIT, owner, &step);
		if (ours)
			sched_acquire(t);
	}
	return false;
}

static void output_unlock(struct session *s, bool locked)
{
	if (!locked)
		return;
	RT->output_owner = 0;
	__atomic_store_n(&s->output_lock, 0, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, &s->output_lock, FUTEX_WAKE, 1);
}

/* How many bytes the call writes; SIZE_MAX: not known. */
static size_t output_len(long nr, const unsigned long args[6])
{
	struct k_iovec iov;
	size_t len = 0;

	if (nr == SYS_write || nr == SYS_pwrite64 || nr == SYS_sendto)
		return args[2];
	if (nr != SYS_writev || args[2] > 16)
		return SIZE_MAX;
	for (size_t i = 0; i < args[2]; i++) {
		if (!dj_read_user(&iov, (const struct k_iovec *)args[1] + i, sizeof(iov)))
			return SIZE_MAX;
		len += iov.len;
	}
	return len;
}

/*
 * Will the call not wait? Then the token is kept: when the process is ended meanwhile, by
 * another thread or from outside, what was written is in the recording.
 */
static bool output_is_quick(long nr, const unsigned long args[6])
{
	struct pollfd p = {.fd = (int)args[0], .events = POLLOUT};
	struct stat st;

	if (dj_raw(SYS_poll, &p, 1, 0) != 1 || p.revents != POLLOUT)
		return false;
	return output_len(nr, args) <= PIPE_BUF ||
	       (!dj_raw(SYS_fstat, args[0], &st) && S_ISREG(st.st_mode));
}

/* The process is about to end, and this thread with it; returns when it does not. */
static void await_end(struct thread *t)
{
	t->in_output = false;
	sched_release(t);
	while (__atomic_load_n(&RT->exiting, __ATOMIC_SEQ_CST))
		dj_raw(SYS_futex, &RT->exiting, FUTEX_WAIT_PRIVATE, 1, 0);
	sched_acquire(t);
}

void record_output_resume(void)
{
	__atomic_store_n(&RT->exiting, 0, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, &RT->exiting, FUTEX_WAKE_PRIVATE, 0x7fffffff);
}

long record_output(struct thread *t, const struct tf_call *call,
			  const unsigned long args[6], uint8_t role)
{
	struct session *s = RT->session;
	bool locked;
	int64_t t0 = dj_now(), t1;
	uint64_t seq = 0;
	long ret;

again:
	while (RT->exiting && !t->process) /* who shares our memory only lives on */
		await_end(t);
	if ((RT->multi | RT->domains) && record_share(t))
		t0 = dj_now();
	locked = output_lock(t, s, role);
	if ((RT->multi | RT->domains) && output_is_quick(call->nr, args)) {
		ret = dj_raw_wait(call->nr, args);
	} else {
		t->in_output = true;
		ret = record_wait(t, call->nr, args);
		if (RT->exiting && ret == -EINTR && !t->pending) { /* nothing of it */
			output_unlock(s, locked);
			goto again;
		}
	}
	if (ret > 0)
		seq = __atomic_add_fetch(&s->output_seq, 1, __ATOMIC_SEQ_CST);
	output_unlock(s, locked);
	t1 = dj_now();
	if (ret > 0)
		record_emit_ints(t->slot, TF_EV_OUTPUT, 2, (int64_t)seq, role, 0);
	record_emit_call(t, call, args, ret, t0, t1, NULL);
	t->in_output = false;
	return ret;
}

/* A thread of this process is in the middle of an output. */
static struct thread *who_puts_out(const struct thread *self)
{
	for (unsigned i = 0; i < THREAD_MAX; i++) {
		struct thread *t = (void *)(DJ_THREADS + (uint64_t)i * THREAD_STRIDE);

		if (i % 64 == 0 && !RT->thread_map[i / 64])
			i += 63;
		else if ((RT->thread_map[i / 64] >> (i % 64) & 1) && t != self && t->in_output && !t->process)
			return t;
	}
	return NULL;
}

void record_output_settle(struct thread *t)
{
	struct k_timespec step = {0, SETTLE_STEP_NS};
	struct thread *other;

	if (!RT->multi || RT->passthrough || t->vfork_child || t->apart)
		return;
	RT->exiting = 1;
	for (int i = 0; i < SETTLE_TRIES && (other = who_puts_out(t)); i++) {
		preempt_request(other); /* its write returns with what it has written */
		sched_release(t);
		dj_raw(SYS_nanosleep, &step, 0);
		sched_acquire(t);
	}
}
