/*
 * MOVED events: what sendfile and splice take from a file and give to a socket or a pipe never is
 * in the program's memory. It is read beside the call, right after it, from where the call took
 * it. Called with the token, before the call's event is appended. A file that somebody changes in
 * between, or a descriptor that another thread has closed, makes it other bytes or none: readers
 * of recordings are told so (FORMAT.md), and a replay does not look at them.
 */
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "record.h"

enum { PIECE_LEN = 64 * 1024, HEAD_LEN = 32 };

static uint8_t *put_head(uint8_t *p, const struct tf_call *call, int out, int in, size_t len)
{
	p = tf_put_array(p, 5);
	p = tf_put_uint(p, TF_EV_MOVED);
	p = tf_put_uint(p, call->id);
	p = tf_put_int(p, out);
	p = tf_put_int(p, in);
	return tf_put_bin(p, (uint32_t)len);
}

/* One event of at most `len` bytes. How many it has, 0: they are not to be had. */
static size_t put_piece(struct slot *slot, const struct tf_call *call, int out, int in, int64_t at,
			size_t len)
{
	uint8_t head[HEAD_LEN], *room;
	size_t head_len;
	long n;

	for (;;) {
		if (len > PIECE_LEN)
			len = PIECE_LEN;
		room = ring_room(slot, HEAD_LEN + len);
		if (!room && len > STACK_BYTES_MAX)
			len = STACK_BYTES_MAX;
		head_len = (size_t)(put_head(head, call, out, in, len) - head);
		n = dj_raw(SYS_pread64, in, room ? room + head_len : RT->stack_taken.bytes, len, at);
		if (n <= 0)
			return 0;
		if ((size_t)n == len)
			break;
		len = (size_t)n; /* shorter by now */
	}
	if (room) {
		dj_copy(room, head, head_len);
		slot->pos += head_len + len;
	} else {
		ring_put(slot, head, head_len);
		ring_put(slot, RT->stack_taken.bytes, len);
	}
	ring_commit(slot);
	return len;
}

void record_moved(struct thread *t, const struct tf_call *call, const unsigned long args[6],
		  long moved)
{
	bool spliced = call->nr == SYS_splice;
	int in = (int)args[spliced ? 0 : 1], out = (int)args[spliced ? 2 : 0];
	const int64_t *offset = (const int64_t *)args[spliced ? 1 : 2];
	struct stat st;
	int64_t at;

	/* a file copied to a file is there to be read; a filter may forbid what we do here */
	if (moved <= 0 || RT->session->outbound_digest || RT->sandboxed ||
	    dj_raw(SYS_lseek, out, 0, SEEK_CUR) != -ESPIPE)
		return;
	/* sendfile takes from nothing else that has an offset than files; splice does */
	at = offset ? *offset : dj_raw(SYS_lseek, in, 0, SEEK_CUR);
	if (at < moved || (spliced && (dj_raw(SYS_fstat, in, &st) || !S_ISREG(st.st_mode))))
		return;
	at -= moved;
	record_thread_switch(t);
	while (moved > 0) {
		size_t n = put_piece(t->slot, call, out, in, at, (size_t)moved);

		if (!n)
			break;
		at += (int64_t)n;
		moved -= (long)n;
	}
}
