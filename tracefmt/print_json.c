/*
 * Events as JSON objects, one per line. Tools only (malloc). Trusts no length.
 */
#include <inttypes.h>
#include <stdlib.h>
#include "parts.h"

/* How deep msgpack objects may nest; deeper ones become null. No event nests deeper
 * than IMAGE's maps, which is four. */
enum { DEPTH_MAX = 8 };

static void put_seconds(struct tf_text *out, int64_t ns)
{
	uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	uint32_t fraction = (uint32_t)(n % 1000000000);
	char digits[10] = ".";

	for (int i = 9; i > 0; i--, fraction /= 10)
		digits[i] = (char)('0' + fraction % 10);
	if (ns < 0)
		tf_putc(out, '-');
	tf_put_udec(out, n / 1000000000);
	tf_put_bytes(out, digits, sizeof(digits));
}

/* One msgpack object as JSON; byte strings become strings. */
static void put_value(struct tf_text *out, struct tf_in *in, unsigned depth)
{
	uint8_t t = tf_peek(in);
	const uint8_t *bytes;
	uint32_t count, len;

	if (depth > DEPTH_MAX) {
		tf_skip(in);
		tf_puts(out, "null");
	} else if (tf_get_nil(in)) {
		tf_puts(out, "null");
	} else if (t == 0xc2 || t == 0xc3) {
		tf_skip(in);
		tf_puts(out, t == 0xc3 ? "true" : "false");
	} else if ((t & 0xf0) == 0x90 || t == 0xdc || t == 0xdd) {
		count = tf_get_array(in);
		tf_putc(out, '[');
		for (uint32_t i = 0; i < count && !in->bad; i++) {
			tf_puts(out, i ? "," : "");
			put_value(out, in, depth + 1);
		}
		tf_putc(out, ']');
	} else if ((t & 0xf0) == 0x80 || t == 0xde || t == 0xdf) {
		count = tf_get_map(in);
		tf_putc(out, '{');
		for (uint32_t i = 0; i < count && !in->bad; i++) {
			bytes = tf_get_bytes(in, &len);
			if (in->bad)
				break;
			tf_puts(out, i ? "," : "");
			tf_put_json(out, bytes, len);
			tf_putc(out, ':');
			put_value(out, in, depth + 1);
		}
		tf_putc(out, '}');
	} else if (t < 0x80 || t >= 0xe0 || (t >= 0xcc && t <= 0xd3)) {
		if (t == 0xcf)
			tf_put_udec(out, (uint64_t)tf_get_int(in));
		else
			tf_put_dec(out, tf_get_int(in));
	} else if ((t & 0xe0) == 0xa0 || (t >= 0xc4 && t <= 0xc6) ||
		   (t >= 0xd9 && t <= 0xdb)) {
		bytes = tf_get_bytes(in, &len);
		tf_put_json(out, bytes, len);
	} else {
		tf_skip(in);
		tf_puts(out, "null");
	}
}

static void put_base64(struct tf_text *out, const uint8_t *p, size_t len)
{
	static const char digit[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static char pair[4096][2];
	char *at;

	if (!pair[0][0])
		for (unsigned i = 4096; i-- > 0;) {
			pair[i][1] = digit[i & 63];
			pair[i][0] = digit[i >> 6]; /* the first one last: it says all are there */
		}
	if (!tf_text_room(out, len / 3 * 4 + 8))
		return;
	at = out->at;
	*at++ = '"';
	for (; len >= 3; p += 3, len -= 3, at += 4) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		memcpy(at, pair[v >> 12], 2);
		memcpy(at + 2, pair[v & 4095], 2);
	}
	if (len) {
		uint32_t v = (uint32_t)p[0] << 16 | (len > 1 ? (uint32_t)p[1] << 8 : 0);

		memcpy(at, pair[v >> 12], 2);
		at[2] = len > 1 ? digit[v >> 6 & 63] : '=';
		at[3] = '=';
		at += 4;
	}
	*at++ = '"';
	out->at = at;
}

static bool is_object(const struct tf_arg *arg)
{
	return arg->rule == TF_STRV || arg->rule == TF_MSG || arg->rule == TF_MMSG;
}

/* The argument as the line shows it, as a JSON string. */
static void put_decoded(struct tf_text *out, const struct deja_event *ev,
			const struct tf_call *call, unsigned index,
			const struct tf_arg *arg)
{
	static _Thread_local struct tf_text line; /* kept for the next */

	line.at = line.begin;
	tf_put_arg(&line, ev, call, index, arg, TF_EXCERPT_LEN);
	tf_put_json(out, line.begin, tf_text_len(&line));
}

static void put_memory(struct tf_text *out, const struct deja_event *ev,
		       const struct tf_call *call, unsigned index,
		       const struct tf_arg *arg)
{
	const struct deja_item *tx = tf_item(ev, index, false);
	const struct deja_item *rx = tf_item(ev, index, true);

	if (!(tx && tx->present) && !(rx && rx->present)) {
		tf_puts(out, "null");
	} else if (arg->rule == TF_CSTR && tx && !tx->is_digest) {
		size_t len = tx->bytes.len;

		tf_put_json(out, tx->bytes.data,
			    len && !tx->bytes.data[len - 1] ? len - 1 : len);
	} else if (arg->rule == TF_STRV && tx && !tx->is_digest) {
		struct tf_in in = tf_in_bytes(tx->bytes);

		put_value(out, &in, 0);
	} else {
		put_decoded(out, ev, call, index, arg);
	}
}

static void put_arg(struct tf_text *out, const struct deja_event *ev,
		    const struct tf_call *call, unsigned index, const struct tf_arg *arg)
{
	long v = ev->args[index];

	switch (arg->kind) {
	case TF_MEM:
		put_memory(out, ev, call, index, arg);
		break;
	case TF_PTR:
		tf_puts(out, v ? "true" : "null");
		break;
	case TF_FLAGS:
	case TF_SIG:
	case TF_MODE:
	case TF_ADDR:
		put_decoded(out, ev, call, index, arg);
		break;
	case TF_ULONG:
	case TF_SIZE:
		tf_put_udec(out, (unsigned long)v);
		break;
	case TF_UINT:
		tf_put_udec(out, (unsigned)v);
		break;
	case TF_LONG:
	case TF_OFF:
		tf_put_dec(out, v);
		break;
	default:
		tf_put_dec(out, (int)v);
	}
}

/* The length of what is shown of it: no character is cut in the middle. */
static size_t part_len(const uint8_t *data, size_t len, size_t max)
{
	size_t cut = max;

	if (len <= max)
		return len;
	while (cut && max - cut < 4 && (data[cut] & 0xc0) == 0x80)
		cut--;
	return (data[cut] & 0xc0) == 0x80 ? max : cut;
}

static void put_item(struct tf_text *out, const struct tf_arg *arg,
		     const struct deja_item *item, size_t payload_max)
{
	const uint8_t *data = item->bytes.data;
	size_t len = item->bytes.len;

	tf_puts(out, "{\"arg\":\"");
	tf_puts(out, arg->name);
	tf_puts(out, item->inbound ? "\",\"dir\":\"in\"" : "\",\"dir\":\"out\"");
	if (item->is_digest) {
		tf_put(out, ",\"xxh64\":\"%016" PRIx64 "\"}", item->digest);
		return;
	}
	if (is_object(arg)) {
		struct tf_in in = tf_in_bytes(item->bytes);

		tf_puts(out, ",\"value\":");
		put_value(out, &in, 0);
		tf_putc(out, '}');
		return;
	}
	if (arg->rule == TF_CSTR && len && !data[len - 1])
		len--;
	tf_puts(out, ",\"len\":");
	tf_put_udec(out, len);
	len = part_len(data, len, payload_max);
	if (tf_is_text(data, len)) {
		tf_puts(out, ",\"text\":");
		tf_put_json(out, data, len);
	} else {
		tf_puts(out, ",\"base64\":");
		put_base64(out, data, len);
	}
	tf_putc(out, '}');
}

static void put_call(struct tf_text *out, const struct deja_event *ev,
		     const struct tf_call *call, size_t payload_max)
{
	struct tf_arg args[6];
	unsigned long values[6];
	const char *sep = "\"";
	int known;

	for (unsigned i = 0; i < 6; i++)
		values[i] = (unsigned long)ev->args[i];
	tf_puts(out, ",\"call\":\"");
	tf_puts(out, call->name);
	tf_puts(out, "\",\"args\":{");
	for (unsigned i = 0; i < call->nargs; i++) {
		args[i] = tf_arg_resolve(call, i, values, &known);
		if (args[i].kind == TF_NONE)
			continue;
		tf_puts(out, sep);
		tf_puts(out, args[i].name);
		tf_puts(out, "\":");
		put_arg(out, ev, call, i, &args[i]);
		sep = ",\"";
	}
	tf_puts(out, "},\"result\":");
	tf_put_dec(out, ev->result);
	if (ev->result < 0 && ev->result >= -4095 && tf_errno_name((int)-ev->result)) {
		tf_puts(out, ",\"errno\":\"");
		tf_puts(out, tf_errno_name((int)-ev->result));
		tf_putc(out, '"');
	}
	tf_puts(out, ",\"dur\":");
	put_seconds(out, ev->dur_ns);
	tf_puts(out, ",\"items\":[");
	sep = "";
	for (size_t i = 0; i < ev->item_count && i < DEJA_ITEM_MAX; i++) {
		const struct deja_item *item = &ev->items[i];

		if (!item->present || item->arg >= call->nargs)
			continue;
		tf_puts(out, sep);
		put_item(out, &args[item->arg], item, payload_max);
		sep = ",";
	}
	tf_putc(out, ']');
}

/* The fields of an event that is not a call, by FORMAT.md's names. */
static void put_fields(struct tf_text *out, const struct deja_event *ev, size_t payload_max)
{
	static const char *const fields[][5] = {
	    [TF_EV_SYNC] = {"event_no", "time_ns", "tid", "clocks"},
	    [TF_EV_IMAGE] = {"dt", "image"},
	    [TF_EV_THREAD] = {"tid"},
	    [TF_EV_SIGNAL] = {"dt", "signo", "siginfo"},
	    [TF_EV_CLOCK] = {"which", "delta"},
	    [TF_EV_OUTPUT] = {"seq", "role"},
	    [TF_EV_SPAWN] = {"stream"},
	    [TF_EV_CHILD] = {"dt", "parent_stream", "pid", "ppid", "tid"},
	    [TF_EV_EXEC] = {"dt", "path", "external", "stream"},
	    [TF_EV_NOTE] = {"text"},
	    [TF_EV_FILE] = {"file", "shadow", "oracles"},
	    [TF_EV_MEMORY] = {"addr", "bytes"},
	    [TF_EV_SHADOW] = {"shadow", "offset", "size"},
	    [TF_EV_STACK] = {"registers", "bytes"},
	    [TF_EV_ADDRESS] = {"fd", "peer", "address"},
	    [TF_EV_MOVED] = {"call", "out_fd", "in_fd", "bytes"},
	    [TF_EV_DOMAIN] = {"domain", "turn"},
	    [TF_EV_TSC] = {"value", "aux"},
	    [TF_EV_INSN] = {"insn", "value", "flag"},
	    [TF_EV_END] = {"dt", "reason"},
	    [TF_EV_START] = {"dt"},
	    [TF_EV_PREEMPT] = {"dt", "place", "words", "areas", "waits"},
	};
	struct tf_in in = tf_in_bytes(ev->raw);
	uint32_t count = tf_get_array(&in), len;
	const char *sep = "";

	tf_puts(out, ",\"kind\":\"");
	tf_puts(out, tf_event_kind(ev->id));
	tf_puts(out, "\",\"args\":{");
	tf_get_int(&in);
	if (ev->id >= sizeof(fields) / sizeof(fields[0]))
		count = 0;
	for (uint32_t i = 0; i < 5 && i + 1 < count && !in.bad; i++) {
		uint8_t type = tf_peek(&in);

		if (!fields[ev->id][i])
			break;
		tf_puts(out, sep);
		tf_putc(out, '"');
		tf_puts(out, fields[ev->id][i]);
		tf_puts(out, "\":");
		if (type >= 0xc4 && type <= 0xc6) {
			const uint8_t *bytes = tf_get_bytes(&in, &len);

			tf_put_json(out, bytes, in.bad ? 0 : part_len(bytes, len, payload_max));
		} else {
			put_value(out, &in, 0);
		}
		sep = ",";
	}
	tf_putc(out, '}');
	if (ev->id == TF_EV_CLOCK) {
		tf_puts(out, ",\"result\":");
		tf_put_dec(out, ev->result);
	}
}

static void put_io(struct tf_text *out, const char *sep, const struct deja_io *io)
{
	tf_puts(out, sep);
	tf_puts(out, "{\"id\":");
	tf_put_udec(out, io->id);
}

/* A piece of each stream that bytes went to or came from; else the streams alone. */
static void put_sight(struct tf_text *out, const struct deja_sight *sight)
{
	const char *sep = ",\"io\":[";

	for (size_t i = 0; i < sight->leg_count; i++, sep = ",") {
		const struct deja_leg *leg = &sight->leg[i];

		put_io(out, sep, leg->io);
		tf_puts(out, leg->inbound ? ",\"dir\":\"in\",\"offset\":" : ",\"dir\":\"out\",\"offset\":");
		tf_put_udec(out, leg->offset);
		tf_puts(out, ",\"len\":");
		tf_put_udec(out, leg->len);
		tf_putc(out, '}');
	}
	if (!sight->leg_count && sight->io) {
		put_io(out, sep, sight->io);
		tf_putc(out, '}');
		sep = ",";
	}
	if (!sight->leg_count && sight->other) {
		put_io(out, sep, sight->other);
		tf_putc(out, '}');
		sep = ",";
	}
	if (*sep == ',' && !sep[1])
		tf_putc(out, ']');
}

void tf_json_event_part(FILE *file, const struct deja_event *ev, const struct deja_sight *sight,
			size_t payload_max)
{
	static _Thread_local struct tf_text text; /* kept: one is printed after the other */
	const struct tf_call *call = tf_call_by_id(ev->id);
	struct tf_text *out = &text;

	tf_puts(out, "{\"stream\":");
	tf_put_udec(out, ev->stream);
	tf_puts(out, ",\"event\":");
	tf_put_udec(out, ev->number);
	tf_puts(out, ",\"time\":");
	put_seconds(out, ev->time_ns);
	tf_puts(out, ",\"pid\":");
	tf_put_dec(out, ev->pid);
	tf_puts(out, ",\"tid\":");
	tf_put_dec(out, ev->tid);
	if (call)
		put_call(out, ev, call, payload_max);
	else
		put_fields(out, ev, payload_max);
	if (sight)
		put_sight(out, sight);
	tf_puts(out, "}\n");
	tf_text_flush(out, file);
}

void tf_json_event(FILE *file, const struct deja_event *ev, const struct deja_sight *sight)
{
	tf_json_event_part(file, ev, sight, SIZE_MAX);
}
