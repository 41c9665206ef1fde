/*
 * The only thing a replay performs: what the recorded tree wrote to the recording's own
 * stdout and stderr is written to this replay's, in the recorded order across processes.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include "replay.h"

static void echo(int fd, const uint8_t *bytes, size_t len)
{
	while (len) {
		long n = dj_raw(SYS_write, fd, bytes, len);

		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n <= 0) {
			if (n < 0 && n != -EPIPE) /* else nobody reads it any more */
				RT->session->echo_error = (int32_t)-n;
			return;
		}
		bytes += n;
		len -= (size_t)n;
	}
}

static void echo_iovec(int fd, const struct k_iovec *iov, size_t count, size_t len)
{
	for (size_t i = 0; i < count && len; i++) {
		size_t n = iov[i].len < len ? iov[i].len : len;

		echo(fd, iov[i].base, n);
		len -= n;
	}
}

void output_echo(struct thread *t, const struct tf_call *call, const unsigned long args[6],
		 long result)
{
	const void *mem;
	struct session *s = RT->session;
	struct k_timespec step = {0, 20 * 1000 * 1000};
	int fd = (int)RT->pending_role;
	uint64_t seq = RT->pending_seq;

	RT->pending_role = 0;
	if (fd != TF_ROLE_STDOUT && fd != TF_ROLE_STDERR)
		diverge(t, DIVERGED_UNDECODABLE, call->nr, args, "an output event");
	for (;;) {
		uint64_t now = __atomic_load_n(&s->output_seq, __ATOMIC_SEQ_CST);

		if (now + 1 >= seq)
			break;
		t->slot->waits_seq = seq;
		halt_if_over(s);
		/* it may be the supervisor's turn: external children's output */
		__atomic_fetch_add(&s->doorbell, 1, __ATOMIC_SEQ_CST);
		if (s->supervisor_sleeps)
			dj_raw(SYS_futex, &s->doorbell, FUTEX_WAKE, 1);
		dj_raw(SYS_futex, &s->output_seq, FUTEX_WAIT, (uint32_t)now, &step);
	}
	t->slot->waits_seq = 0;
	if (result > 0 && !s->quiet) {
		const struct tf_arg *a = call->arg, *end = call->arg + call->nargs;

		/* every call that is an output has its bytes first */
		while (a < end && (a->kind != TF_MEM || a->dir != TF_TX))
			a++;
		if (a == end || a->rule == TF_SUB)
			diverge(t, DIVERGED_UNDECODABLE, call->nr, args,
				"an output of a call that sends nothing");
		mem = (const void *)args[a - call->arg];
		if (!mem)
			diverge(t, DIVERGED_UNDECODABLE, call->nr, args, "an output of nothing");
		if (a->rule == TF_IOVEC)
			echo_iovec(fd, mem, args[a->ref - 1], (size_t)result);
		else if (a->rule == TF_MSG)
			echo_iovec(fd, ((const struct k_msghdr *)mem)->iov,
				   ((const struct k_msghdr *)mem)->iovlen, (size_t)result);
		else
			echo(fd, mem, dj_mem_len(a, mem, args, result, true, 0));
	}
	__atomic_store_n(&s->output_seq, seq, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, &s->output_seq, FUTEX_WAKE, 0x7fffffff);
}
