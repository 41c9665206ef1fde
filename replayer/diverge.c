/*
 * When nothing matches. The first process that diverges fills its slot's report, and the
 * supervisor, which reads it, ends the replay of the whole tree; no other process goes
 * on to the live world in the meantime, since every crossing is answered here.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include "replay.h"


static struct slot_divergence *report(struct thread *t, unsigned kind, long nr,
				      const unsigned long *args)
{
	struct slot_divergence *d = &t->slot->divergence;

	d->kind = kind;
	d->live_pid = (int32_t)dj_raw(SYS_getpid);
	d->tid = t->tid;
	d->event_no = RT->event_no + 1;
	d->nr = nr;
	if (args)
		dj_copy(d->args, args, sizeof(d->args));
	if (t->crossing) {
		const struct pregs *p = t->crossing;

		d->rip = p->rip, d->rsp = pregs_rsp(p), d->rbp = p->rbp;
		d->rbx = p->rbx, d->r12 = p->r12, d->r13 = p->r13;
		d->r14 = p->r14, d->r15 = p->r15;
	}
	return d;
}

static void stop(struct thread *t, struct slot_divergence *d) __attribute__((noreturn));
static void stop(struct thread *t, struct slot_divergence *d)
{
	struct session *s = RT->session;

	__atomic_store_n(&d->set, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&s->aborted, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&s->doorbell, 1, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, &s->doorbell, FUTEX_WAKE, 1);
	debug_diverged(t);
	for (;;) /* the supervisor looks at our stack, then ends us */
		halt_if_over(s);
}

void diverge(struct thread *t, unsigned kind, long nr, const unsigned long *args,
	     const char *text)
{
	struct slot_divergence *d = report(t, kind, nr, args);

	*dj_put_text(d->text, d->text + sizeof(d->text) - 1, text) = 0;
	stop(t, d);
}

void diverge_arg(struct thread *t, long nr, const unsigned long *args, unsigned arg,
		 uint64_t expected, uint64_t got)
{
	struct slot_divergence *d = report(t, DIVERGED_ARGUMENT, nr, args);

	d->arg = arg;
	d->expected = expected;
	d->got = got;
	stop(t, d);
}

void diverge_result(struct thread *t, long nr, const unsigned long *args,
		    uint64_t expected, uint64_t got)
{
	struct slot_divergence *d = report(t, DIVERGED_LOCAL, nr, args);

	d->expected = expected;
	d->got = got;
	stop(t, d);
}

static uint32_t window_len(size_t len, uint64_t from)
{
	return len - from < DIVERGENCE_BYTES ? (uint32_t)(len - from) : DIVERGENCE_BYTES;
}

void diverge_bytes(struct thread *t, long nr, const unsigned long *args, unsigned arg,
		   uint64_t offset, const uint8_t *expected, size_t expected_len,
		   const uint8_t *got, size_t got_len)
{
	struct slot_divergence *d = report(t, DIVERGED_BYTES, nr, args);
	uint64_t from = divergence_window(offset);

	d->arg = arg;
	d->offset = offset;
	if (expected && expected_len > from) {
		d->expected_len = window_len(expected_len, from);
		dj_copy(d->expected_bytes, expected + from, d->expected_len);
	}
	if (got && got_len > from) {
		d->got_len = window_len(got_len, from);
		dj_copy(d->got_bytes, got + from, d->got_len);
	}
	stop(t, d);
}

void stream_end(struct thread *t, long nr, const unsigned long *args)
{
	struct event ev = head_peek(t);

	if (ev.id && ev.id != TF_EV_END)
		diverge(t, DIVERGED_OTHER, nr, args, "stream_end before the end");
	if (t->process && t->slot->left && !RT->leaver) /* the process is another program, with a stream of its own */
		for (;;)
			dj_raw(SYS_exit_group, 0);
	if (RT->leaver && !ev.id) { /* killed, or outlived, where others share the memory of a process that ended */
		sched_give(RT->leaver);
		if (!t->process)
			sched_await(t);
		for (;;)
			dj_raw(SYS_exit_group, 0);
	}
	domains_leave(t);
	t->slot->finished = ev.id ? FINISHED_STOPPED : FINISHED_CUT;
	__atomic_store_n(&t->slot->state, SLOT_ENDED, __ATOMIC_SEQ_CST);
	threads_kill_apart();
	if (t->process) /* whose maker was killed; here it waits for its turn */
		dj_raw(SYS_kill, RT->live_pid, 9);
	for (;;)
		dj_raw(SYS_exit_group, 0);
}
