/*
 * ADDRESS events: what the kernel knows of a new connection and the program did not ask for, the peer
 * of one that it accepted without an address, its own end of one that it made. Readers of recordings
 * want to know; a replay does not look at them. Called with the token, before the call's event is
 * appended.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include "record.h"

enum { ADDRESS_MAX = 128, HEAD_LEN = 24 };

void record_address(struct thread *t, const struct tf_call *call, const unsigned long args[6],
		    long ret)
{
	bool accepted = call->nr != SYS_connect;
	uint8_t bytes[ADDRESS_MAX], head[HEAD_LEN], *p;
	uint32_t len = sizeof(bytes);
	long fd = accepted ? ret : (long)(int)args[0];

	/* a filter may forbid what we do here */
	if (RT->sandboxed || (accepted ? ret < 0 || args[1] : ret && ret != -EINPROGRESS))
		return;
	if (dj_raw(accepted ? SYS_getpeername : SYS_getsockname, fd, bytes, &len) || len > sizeof(bytes) ||
	    len <= sizeof(sa_family_t)) /* a Unix socket without a name */
		return;
	record_thread_switch(t);
	p = tf_put_array(head, 4);
	p = tf_put_uint(p, TF_EV_ADDRESS);
	p = tf_put_int(p, fd);
	p = tf_put_uint(p, accepted);
	p = tf_put_bin(p, len);
	ring_put(t->slot, head, (size_t)(p - head));
	ring_put(t->slot, bytes, len);
	ring_commit(t->slot);
}
