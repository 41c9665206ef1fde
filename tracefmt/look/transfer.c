/*
 * The bytes that calls carry through descriptors: how many, which way, and where they are in
 * the event (look.h). Called by the tracker after the descriptors are known.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tracefmt/look/look.h"
#include "tracefmt/wire.h"

/* How a call carries bytes: of its first descriptor's stream, in which argument. */
struct carrier {
	bool inbound;
	int item;  /* argument that holds them, -1: the kernel moved them by itself */
	int flags; /* argument with MSG_ flags, -1: none */
};

static bool carrier_of(int nr, struct carrier *c)
{
	switch (nr) {
	case SYS_read:
	case SYS_pread64:
	case SYS_readv:
	case SYS_preadv:
	case SYS_preadv2:
	case SYS_mq_timedreceive:
		*c = (struct carrier){true, 1, -1};
		return true;
	case SYS_recvfrom:
		*c = (struct carrier){true, 1, 3};
		return true;
	case SYS_recvmsg:
		*c = (struct carrier){true, 1, 2};
		return true;
	case SYS_recvmmsg:
		*c = (struct carrier){true, 1, 3};
		return true;
	case SYS_write:
	case SYS_pwrite64:
	case SYS_writev:
	case SYS_pwritev:
	case SYS_pwritev2:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_mq_timedsend:
		*c = (struct carrier){false, 1, -1};
		return true;
	case SYS_sendfile:
		*c = (struct carrier){false, -1, -1};
		return true;
	case SYS_splice:
	case SYS_tee:
	case SYS_copy_file_range:
		*c = (struct carrier){true, -1, -1};
		return true;
	}
	return false;
}

/* --- where the bytes are --- */

static int item_rule(const struct deja_event *ev, unsigned arg)
{
	const struct tf_call *call = tf_call_by_id(ev->id);

	return call && arg < call->nargs ? call->arg[arg].rule : 0;
}

/* The data of one MSG array at `in`, which is behind it then. */
static bool message_data(struct tf_in *in, struct deja_bytes *data)
{
	uint32_t parts = tf_get_array(in), len;

	data->data = NULL;
	data->len = 0;
	for (uint32_t i = 0; i < parts && !in->bad; i++) {
		uint8_t type = tf_peek(in);

		/* bytes: bin or str; else nil, a digest, a number */
		if (i == 1 && (type == 0xc4 || type == 0xc5 || type == 0xc6 || type >= 0xd9 ||
			       (type >= 0xa0 && type < 0xc0)) &&
		    type < 0xdc) {
			data->data = tf_get_bytes(in, &len);
			data->len = in->bad ? 0 : len;
		} else {
			tf_skip(in);
		}
	}
	return !in->bad && data->data;
}

static const struct deja_item *leg_item(const struct deja_event *ev, const struct deja_leg *leg)
{
	return look_item(ev, 1, leg->inbound);
}

void deja_payload_begin(struct deja_payload *p, const struct deja_event *ev,
			const struct deja_leg *leg)
{
	const struct deja_item *item = leg->stored ? leg_item(ev, leg) : NULL;
	struct look_moved moved;
	struct tf_in in;

	memset(p, 0, sizeof(*p));
	if (leg->stored && look_moved_of(ev, &moved)) {
		p->at = moved.bytes.data;
		p->end = p->at + moved.bytes.len;
		p->left = leg->len;
		p->count = 1;
	}
	if (!item || !leg->len)
		return;
	p->rule = item_rule(ev, 1);
	p->at = item->bytes.data;
	p->end = p->at + item->bytes.len;
	p->left = leg->len;
	p->count = 1;
	if (p->rule == TF_MMSG) {
		in = (struct tf_in){p->at, p->end, 0};
		p->count = tf_get_array(&in);
		if (in.bad)
			p->count = 0;
		p->at = in.p;
	}
}

bool deja_payload_next(struct deja_payload *p, struct deja_bytes *piece)
{
	while (p->count && p->left) {
		struct tf_in in = {p->at, p->end, 0};
		uint64_t message_len = UINT64_MAX;

		p->count--;
		if (p->rule == TF_MMSG) {
			if (tf_get_array(&in) < 2)
				break;
			if (!message_data(&in, piece))
				piece->len = 0;
			message_len = (uint64_t)tf_get_int(&in);
			if (in.bad)
				break;
			p->at = in.p;
		} else if (p->rule == TF_MSG) {
			if (!message_data(&in, piece))
				piece->len = 0;
		} else {
			piece->data = p->at;
			piece->len = (size_t)(p->end - p->at);
		}
		if (piece->len > message_len)
			piece->len = message_len;
		if (piece->len > p->left)
			piece->len = p->left;
		p->left -= piece->len;
		if (piece->len)
			return true;
	}
	return false;
}

bool look_moved_of(const struct deja_event *ev, struct look_moved *m)
{
	struct tf_in in = {ev->raw.data, ev->raw.data + ev->raw.len, 0};
	uint32_t len = 0;

	if (ev->id != TF_EV_MOVED || tf_get_array(&in) != 5)
		return false;
	tf_get_int(&in);
	m->call = (unsigned)tf_get_int(&in);
	m->out_fd = (int)tf_get_int(&in);
	m->in_fd = (int)tf_get_int(&in);
	m->bytes.data = tf_get_bytes(&in, &len);
	m->bytes.len = len;
	return !in.bad;
}

/* How many bytes of this direction the event stores. */
static uint64_t stored_len(const struct deja_event *ev, bool inbound)
{
	struct deja_leg leg = {.inbound = inbound, .len = UINT64_MAX, .stored = true};
	struct deja_payload p;
	struct deja_bytes piece;
	uint64_t len = 0;

	deja_payload_begin(&p, ev, &leg);
	while (deja_payload_next(&p, &piece))
		len += piece.len;
	return len;
}

/* --- counting --- */

static void add_leg(struct deja_sight *sight, const struct deja_event *ev,
		    const struct deja_io *pub, bool inbound, uint64_t len, bool stored)
{
	struct deja_io *io = (struct deja_io *)pub; /* the tracker's own */
	struct deja_leg *leg;

	if (!len || sight->leg_count == DEJA_LEG_MAX)
		return;
	leg = &sight->leg[sight->leg_count++];
	*leg = (struct deja_leg){.io = pub, .inbound = inbound, .len = len, .stored = stored,
				 .offset = inbound ? io->in_len : io->out_len};
	if (inbound) {
		io->in_len += len;
		io->in_count++;
		io->in_ns = ev->time_ns;
	} else {
		io->out_len += len;
		io->out_count++;
		io->out_ns = ev->time_ns;
	}
}

/* The bytes of a sendfile or splice to come, read beside it. */
void look_apply_moved(deja_tracker *t, struct look_table *table, const struct deja_event *ev,
		      struct deja_sight *sight)
{
	struct look_moved m;
	struct look_slot *out, *in;

	if (!look_moved_of(ev, &m))
		return;
	out = look_table_find(table, m.out_fd);
	in = look_table_find(table, m.in_fd);
	sight->moved_by = m.call;
	sight->fd = m.out_fd;
	sight->io = out ? &out->io->pub : NULL;
	sight->other = in ? &in->io->pub : NULL;
	if (in)
		add_leg(sight, ev, sight->other, true, m.bytes.len, true);
	if (out)
		add_leg(sight, ev, sight->io, false, m.bytes.len, true);
	t->latest->moved += m.bytes.len;
}

/* sendfile, splice: both descriptors, without the bytes that MOVED events had. */
static void apply_rest(struct look_table *table, const struct deja_event *ev, int nr,
		       uint64_t moved, struct deja_sight *sight)
{
	bool first_is_input = nr != SYS_sendfile;
	int second_arg = nr == SYS_splice || nr == SYS_copy_file_range ? 2 : 1;
	struct look_slot *slot = look_table_find(table, (int)ev->args[second_arg]);
	uint64_t len = (uint64_t)ev->result > moved ? (uint64_t)ev->result - moved : 0;

	if (slot)
		sight->other = &slot->io->pub;
	if (sight->io)
		add_leg(sight, ev, sight->io, first_is_input, len, false);
	if (slot)
		add_leg(sight, ev, &slot->io->pub, !first_is_input, len, false);
}

void look_apply_transfer(deja_tracker *t, struct look_table *table,
			 const struct deja_event *ev, struct deja_sight *sight)
{
	int nr = look_nr(ev), role = t->latest ? t->latest->role : 0;
	struct carrier c;
	uint64_t len;

	if (!sight->io || ev->result < 0 || !carrier_of(nr, &c))
		return;
	if (role && !c.inbound)
		((struct deja_io *)sight->io)->role = role;
	if (c.item < 0) {
		apply_rest(table, ev, nr, t->latest ? t->latest->moved : 0, sight);
		return;
	}
	/* Looked at and left there; reports of errors are no bytes of the peer's. */
	if (c.flags >= 0 && ev->args[c.flags] & (MSG_PEEK | MSG_ERRQUEUE))
		return;
	if (look_item(ev, 1, c.inbound)) {
		len = stored_len(ev, c.inbound);
		/* What is stored may be more than what was taken: the result says. */
		if (!c.inbound && nr != SYS_sendmmsg && nr != SYS_mq_timedsend &&
		    len > (uint64_t)ev->result)
			len = (uint64_t)ev->result;
		add_leg(sight, ev, sight->io, c.inbound, len, true);
		if (len || nr == SYS_sendmmsg || nr == SYS_recvmmsg)
			return;
	}
	if (nr != SYS_sendmmsg && nr != SYS_recvmmsg && nr != SYS_mq_timedsend)
		add_leg(sight, ev, sight->io, c.inbound, (uint64_t)ev->result, false);
}
