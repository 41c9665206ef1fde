/*
 * Events of a stream into struct deja_event: a call's scalars and items by its row, and the
 * little that reading needs of other events. Trusts nothing; no allocation.
 */
#include <string.h>

#include "calls.h"
#include "source.h"

/* One item; `in` is at it. */
static void decode_item(struct tf_in *in, struct deja_event *ev, unsigned index,
			const struct tf_arg *arg, bool inbound)
{
	struct deja_item *item = &ev->items[ev->item_count++];
	const uint8_t *start = in->p;
	uint8_t type = tf_peek(in);
	uint32_t len;

	memset(item, 0, sizeof(*item));
	item->arg = index;
	item->inbound = inbound;
	if (tf_get_nil(in))
		return;
	item->present = true;
	if (type < 0x80 || (type >= 0xcc && type <= 0xcf)) {
		item->is_digest = true;
		item->digest = (uint64_t)tf_get_int(in);
		if (inbound)
			in->bad = 1;
	} else if (arg->rule == TF_STRV || arg->rule == TF_MSG ||
		   arg->rule == TF_MMSG) {
		tf_get_array(in);
		in->p = in->bad ? in->p : start;
		tf_skip(in);
		item->bytes.data = start;
		item->bytes.len = (size_t)(in->p - start);
	} else {
		item->bytes.data = tf_get_bytes(in, &len);
		item->bytes.len = len;
	}
}

/*
 * A call's scalars and items; `in` is behind the result, `left` elements follow. What
 * TF_SUB arguments are depends on the request, which stands before them, so scalars can
 * be resolved as they come.
 */
void tf_decode_call(struct tf_in *in, uint32_t left, struct deja_event *ev)
{
	const struct tf_call *call = tf_call_by_id(ev->id);
	unsigned long args[6] = {0};
	struct tf_arg arg[6];
	unsigned i;
	int known;

	if (!call)
		return; /* a newer deja's call: times, result and raw bytes are known */
	for (i = 0; i < call->nargs && i < 6; i++) {
		arg[i] = tf_arg_resolve(call, i, args, &known);
		if (arg[i].kind == TF_MEM)
			continue;
		if (left-- == 0) {
			in->bad = 1;
			return;
		}
		ev->args[i] = tf_get_int(in);
		args[i] = (unsigned long)ev->args[i];
	}
	for (i = 0; i < call->nargs && i < 6; i++) {
		unsigned dir;

		if (arg[i].kind != TF_MEM)
			continue;
		for (dir = TF_TX; dir <= TF_RX; dir <<= 1) {
			if (!(arg[i].dir & dir))
				continue;
			if (left-- == 0) {
				in->bad = 1;
				return;
			}
			decode_item(in, ev, i, &arg[i], dir == TF_RX);
			if (in->bad)
				return;
		}
	}
}

/* The pid that an IMAGE or CHILD event states, or 0. */
int32_t tf_decode_pid(unsigned id, const uint8_t *raw, size_t len)
{
	struct tf_in in = {raw, raw + len, 0};
	int64_t pid = 0;
	uint32_t count, key_len;

	tf_get_array(&in);
	tf_get_int(&in);
	tf_get_int(&in); /* dt */
	if (id == TF_EV_CHILD) {
		tf_skip(&in);
		pid = tf_get_int(&in);
	} else if (id == TF_EV_IMAGE) {
		for (count = tf_get_map(&in); count && !in.bad; count--) {
			const uint8_t *key = tf_get_bytes(&in, &key_len);

			if (!in.bad && key_len == 3 && memcmp(key, "pid", 3) == 0)
				pid = tf_get_int(&in);
			else
				tf_skip(&in);
		}
	}
	return in.bad || pid < 0 || pid > INT32_MAX ? 0 : (int32_t)pid;
}
