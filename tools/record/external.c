/*
 * What children that could not be preloaded write to the command's output: passed on, and
 * recorded in a stream of its own, in its order among the recorded output.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "tools/record/track.h"
#include "tracefmt/calls.h"
#include "tracefmt/wire.h"

static void external_output(struct supervisor *sv, int role, const uint8_t *bytes, size_t len)
{
	const struct tf_call *call = tf_call_by_nr(SYS_write);
	uint8_t buf[64], *p = buf;
	struct deja_error err;
	uint64_t seq = __atomic_add_fetch(&sv->session->shared->output_seq, 1,
					  __ATOMIC_SEQ_CST);
	static int64_t last_ns;
	int64_t now = supervisor_now_ns(sv);

	for (size_t done = 0; done < len;) {
		ssize_t n = write(role, bytes + done, len - done);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
		if (n > 0)
			done += (size_t)n;
	}
	if (sv->closed || sv->written)
		return;
	if (!sv->external) {
		sv->external = supervisor_open_stream(sv, "x1.zst", DEJA_STREAM_EXTERNAL, &err);
		if (!sv->external)
			return;
	}
	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_OUTPUT);
	p = tf_put_uint(p, seq);
	p = tf_put_uint(p, (uint64_t)role);
	p = tf_put_array(p, 7);
	p = tf_put_uint(p, call->id);
	p = tf_put_uint(p, (uint64_t)(now - last_ns));
	p = tf_put_uint(p, 0);
	p = tf_put_uint(p, len);
	p = tf_put_uint(p, (uint64_t)role);
	p = tf_put_uint(p, len);
	p = tf_put_bin(p, (uint32_t)len);
	last_ns = now;
	tf_writer_append(sv->external, buf, (size_t)(p - buf), &err);
	tf_writer_append(sv->external, bytes, len, &err);
}

bool external_look(struct supervisor *sv)
{
	uint8_t bytes[65536];
	bool busy = false;

	for (int i = 0; i < 2; i++) {
		ssize_t n = read(sv->session->outlet[i], bytes, sizeof(bytes));

		if (n > 0) {
			external_output(sv, i + 1, bytes, (size_t)n);
			busy = true;
		}
	}
	return busy;
}
