/*
 * Descriptors passed over Unix sockets (SCM_RIGHTS): what was sent stays known where it is
 * received. Called by descriptors.c.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tracefmt/look/call.h"
#include "tracefmt/wire.h"

/* The next descriptors of a SCM_RIGHTS message in control[*at ...]; their number. */
static size_t next_rights(const uint8_t *control, size_t len, size_t *at, int *fds, size_t max)
{
	while (*at < len && len - *at >= 16) {
		uint64_t n = tf_le(control + *at, 8);
		const uint8_t *head = control + *at;
		size_t count = 0, room = len - *at;

		if (n < 16 || n > room)
			break;
		*at += (n + 7) / 8 * 8 < room ? (n + 7) / 8 * 8 : room;
		if (tf_le(head + 8, 4) != SOL_SOCKET || tf_le(head + 12, 4) != SCM_RIGHTS)
			continue;
		for (size_t i = 16; i + 4 <= n && count < max; i += 4)
			fds[count++] = (int)tf_le(head + i, 4);
		return count;
	}
	*at = len;
	return 0;
}

static void send_right(const struct look_call *c, struct look_io *over, int fd)
{
	struct look_slot *slot = look_table_find(c->table, fd);
	deja_tracker *t = c->t;

	if (!slot)
		return;
	if (t->rights_count == LOOK_RIGHTS_MAX) {
		struct look_io *oldest = t->rights[0].io;

		t->rights_count--;
		memmove(&t->rights[0], &t->rights[1], t->rights_count * sizeof(t->rights[0]));
		look_io_unref(&t->ios, oldest, c->ev);
	}
	look_io_ref(slot->io);
	t->rights[t->rights_count++] =
	    (struct look_rights){.io = slot->io, .peer_id = over->pub.pair_id};
}

/* What was sent over the other end of this socket first; where the ends are not known to
 * belong together, what was sent first at all. */
static struct look_io *take_right(deja_tracker *t, const struct look_io *over)
{
	size_t found = t->rights_count;
	struct look_io *io;

	for (size_t i = t->rights_count; i-- > 0;)
		if (t->rights[i].peer_id == over->pub.id)
			found = i;
	for (size_t i = t->rights_count; found == t->rights_count && i-- > 0;)
		if (!t->rights[i].peer_id && !over->pub.pair_id)
			found = i;
	if (found == t->rights_count)
		return NULL;
	io = t->rights[found].io;
	t->rights_count--;
	memmove(&t->rights[found], &t->rights[found + 1],
		(t->rights_count - found) * sizeof(t->rights[0]));
	return io;
}

static void receive_right(const struct look_call *c, struct look_io *over, int fd, bool cloexec)
{
	struct look_io *io = take_right(c->t, over);

	if (!io) {
		io = look_put_new(c, DEJA_IO_UNKNOWN, fd, cloexec);
		if (io)
			look_io_set(&io->pub.path, "received descriptor", 64);
		return;
	}
	look_table_set(&c->t->ios, c->table, fd, io, cloexec, c->ev);
	look_io_unref(&c->t->ios, io, c->ev);
}

static void apply_control(const struct look_call *c, struct look_io *over, struct tf_in *msg,
			  bool inbound, bool cloexec)
{
	enum { FDS_MAX = 253 };
	int fds[FDS_MAX];
	const uint8_t *control;
	size_t at = 0, count;
	uint32_t len, parts = tf_get_array(msg);

	if (parts < 3)
		return;
	tf_skip(msg);
	tf_skip(msg);
	if (tf_peek(msg) == 0xc0)
		return;
	control = tf_get_bytes(msg, &len);
	if (msg->bad)
		return;
	while ((count = next_rights(control, len, &at, fds, FDS_MAX)))
		for (size_t i = 0; i < count; i++) {
			if (inbound)
				receive_right(c, over, fds[i], cloexec);
			else
				send_right(c, over, fds[i]);
		}
}

void look_apply_message(const struct look_call *c, int nr, struct look_io *over)
{
	bool inbound = nr == SYS_recvmsg || nr == SYS_recvmmsg;
	bool many = nr == SYS_recvmmsg || nr == SYS_sendmmsg;
	const struct deja_item *item = look_item(c->ev, 1, inbound);
	bool cloexec = inbound && c->ev->args[many ? 3 : 2] & MSG_CMSG_CLOEXEC;
	struct tf_in in;
	uint32_t count;

	if (!item || c->ev->result < 0 || !over)
		return;
	in = (struct tf_in){item->bytes.data, item->bytes.data + item->bytes.len, 0};
	if (!many) {
		apply_control(c, over, &in, inbound, cloexec);
		return;
	}
	for (count = tf_get_array(&in); count && !in.bad; count--) {
		struct tf_in one = in;

		if (tf_get_array(&one) >= 1)
			apply_control(c, over, &one, inbound, cloexec);
		tf_skip(&in);
	}
}
