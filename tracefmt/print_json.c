/*
 * Events as JSON objects, one per line. Tools only (stdio, malloc). Trusts no length.
 */
#include <inttypes.h>
#include <stdlib.h>
#include "parts.h"

/* How deep msgpack objects may nest; deeper ones become null. No event nests deeper
 * than IMAGE's maps, which is four. */
enum { DEPTH_MAX = 8 };

static void put_seconds(FILE *out, int64_t ns)
{
	uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;

	fprintf(out, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "", n / 1000000000,
		n % 1000000000);
}

/* One msgpack object as JSON; byte strings become strings. */
static void put_value(FILE *out, struct tf_in *in, unsigned depth)
{
	uint8_t t = tf_peek(in);
	const uint8_t *bytes;
	uint32_t count, len;

	if (depth > DEPTH_MAX) {
		tf_skip(in);
		fputs("null", out);
	} else if (tf_get_nil(in)) {
		fputs("null", out);
	} else if (t == 0xc2 || t == 0xc3) {
		tf_skip(in);
		fputs(t == 0xc3 ? "true" : "false", out);
	} else if ((t & 0xf0) == 0x90 || t == 0xdc || t == 0xdd) {
		count = tf_get_array(in);
		putc('[', out);
		for (uint32_t i = 0; i < count && !in->bad; i++) {
			fputs(i ? "," : "", out);
			put_value(out, in, depth + 1);
		}
		putc(']', out);
	} else if ((t & 0xf0) == 0x80 || t == 0xde || t == 0xdf) {
		count = tf_get_map(in);
		putc('{', out);
		for (uint32_t i = 0; i < count && !in->bad; i++) {
			bytes = tf_get_bytes(in, &len);
			if (in->bad)
				break;
			fputs(i ? "," : "", out);
			tf_json_string(out, bytes, len);
			putc(':', out);
			put_value(out, in, depth + 1);
		}
		putc('}', out);
	} else if (t < 0x80 || t >= 0xe0 || (t >= 0xcc && t <= 0xd3)) {
		if (t == 0xcf)
			fprintf(out, "%" PRIu64, (uint64_t)tf_get_int(in));
		else
			fprintf(out, "%" PRId64, tf_get_int(in));
	} else if ((t & 0xe0) == 0xa0 || (t >= 0xc4 && t <= 0xc6) ||
		   (t >= 0xd9 && t <= 0xdb)) {
		bytes = tf_get_bytes(in, &len);
		tf_json_string(out, bytes, len);
	} else {
		tf_skip(in);
		fputs("null", out);
	}
}

static void put_base64(FILE *out, const uint8_t *p, size_t len)
{
	static const char digit[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	putc('"', out);
	for (size_t i = 0; i < len; i += 3) {
		unsigned have = len - i < 3 ? (unsigned)(len - i) : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (have > 1 ? p[i + 1] : 0) << 8 |
			     (have > 2 ? p[i + 2] : 0);

		putc(digit[v >> 18], out);
		putc(digit[v >> 12 & 63], out);
		putc(have > 1 ? digit[v >> 6 & 63] : '=', out);
		putc(have > 2 ? digit[v & 63] : '=', out);
	}
	putc('"', out);
}

static bool is_object(const struct tf_arg *arg)
{
	return arg->rule == TF_STRV || arg->rule == TF_MSG || arg->rule == TF_MMSG;
}

/* The argument as the line shows it, as a JSON string. */
static void put_decoded(FILE *out, const struct deja_event *ev,
			const struct tf_call *call, unsigned index,
			const struct tf_arg *arg)
{
	char *text = NULL;
	size_t len = 0;
	FILE *mem = open_memstream(&text, &len);

	if (mem) {
		tf_put_arg(mem, ev, call, index, arg, TF_EXCERPT_LEN);
		fclose(mem);
	}
	tf_json_string(out, text, len);
	free(text);
}

static void put_memory(FILE *out, const struct deja_event *ev,
		       const struct tf_call *call, unsigned index,
		       const struct tf_arg *arg)
{
	const struct deja_item *tx = tf_item(ev, index, false);
	const struct deja_item *rx = tf_item(ev, index, true);

	if (!(tx && tx->present) && !(rx && rx->present)) {
		fputs("null", out);
	} else if (arg->rule == TF_CSTR && tx && !tx->is_digest) {
		size_t len = tx->bytes.len;

		tf_json_string(out, tx->bytes.data,
			       len && !tx->bytes.data[len - 1] ? len - 1 : len);
	} else if (arg->rule == TF_STRV && tx && !tx->is_digest) {
		struct tf_in in = tf_in_bytes(tx->bytes);

		put_value(out, &in, 0);
	} else {
		put_decoded(out, ev, call, index, arg);
	}
}

static void put_arg(FILE *out, const struct deja_event *ev, const struct tf_call *call,
		    unsigned index, const struct tf_arg *arg)
{
	long v = ev->args[index];

	switch (arg->kind) {
	case TF_MEM:
		put_memory(out, ev, call, index, arg);
		break;
	case TF_PTR:
		fputs(v ? "true" : "null", out);
		break;
	case TF_FLAGS:
	case TF_SIG:
	case TF_MODE:
	case TF_ADDR:
		put_decoded(out, ev, call, index, arg);
		break;
	case TF_ULONG:
	case TF_SIZE:
		fprintf(out, "%lu", (unsigned long)v);
		break;
	case TF_UINT:
		fprintf(out, "%u", (unsigned)v);
		break;
	case TF_LONG:
	case TF_OFF:
		fprintf(out, "%ld", v);
		break;
	default:
		fprintf(out, "%d", (int)v);
	}
}

static void put_item(FILE *out, const struct tf_arg *arg, const struct deja_item *item)
{
	const uint8_t *data = item->bytes.data;
	size_t len = item->bytes.len;

	fprintf(out, "{\"arg\":\"%s\",\"dir\":\"%s\"", arg->name,
		item->inbound ? "in" : "out");
	if (item->is_digest) {
		fprintf(out, ",\"xxh64\":\"%016" PRIx64 "\"}", item->digest);
		return;
	}
	if (is_object(arg)) {
		struct tf_in in = tf_in_bytes(item->bytes);

		fputs(",\"value\":", out);
		put_value(out, &in, 0);
		putc('}', out);
		return;
	}
	if (arg->rule == TF_CSTR && len && !data[len - 1])
		len--;
	if (tf_is_text(data, len)) {
		fprintf(out, ",\"len\":%zu,\"text\":", len);
		tf_json_string(out, data, len);
	} else {
		fprintf(out, ",\"len\":%zu,\"base64\":", len);
		put_base64(out, data, len);
	}
	putc('}', out);
}

static void put_call(FILE *out, const struct deja_event *ev, const struct tf_call *call)
{
	struct tf_arg args[6];
	unsigned long values[6];
	const char *sep = "";
	int known;

	for (unsigned i = 0; i < 6; i++)
		values[i] = (unsigned long)ev->args[i];
	fprintf(out, ",\"call\":\"%s\",\"args\":{", call->name);
	for (unsigned i = 0; i < call->nargs; i++) {
		args[i] = tf_arg_resolve(call, i, values, &known);
		if (args[i].kind == TF_NONE)
			continue;
		fprintf(out, "%s\"%s\":", sep, args[i].name);
		put_arg(out, ev, call, i, &args[i]);
		sep = ",";
	}
	fprintf(out, "},\"result\":%" PRId64, ev->result);
	if (ev->result < 0 && ev->result >= -4095 && tf_errno_name((int)-ev->result))
		fprintf(out, ",\"errno\":\"%s\"", tf_errno_name((int)-ev->result));
	fputs(",\"dur\":", out);
	put_seconds(out, ev->dur_ns);
	fputs(",\"items\":[", out);
	sep = "";
	for (size_t i = 0; i < ev->item_count && i < DEJA_ITEM_MAX; i++) {
		const struct deja_item *item = &ev->items[i];

		if (!item->present || item->arg >= call->nargs)
			continue;
		fputs(sep, out);
		put_item(out, &args[item->arg], item);
		sep = ",";
	}
	putc(']', out);
}

/* The fields of an event that is not a call, by FORMAT.md's names. */
static void put_fields(FILE *out, const struct deja_event *ev)
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
	    [TF_EV_FILE] = {"file", "shadow"},
	    [TF_EV_MEMORY] = {"addr", "bytes"},
	    [TF_EV_SHADOW] = {"shadow", "offset", "size"},
	    [TF_EV_DOMAIN] = {"domain", "turn"},
	    [TF_EV_END] = {"dt", "reason"},
	    [TF_EV_START] = {"dt"},
	    [TF_EV_PREEMPT] = {"dt", "place"},
	};
	struct tf_in in = tf_in_bytes(ev->raw);
	uint32_t count = tf_get_array(&in);
	const char *sep = "";

	fprintf(out, ",\"kind\":\"%s\",\"args\":{", tf_event_kind(ev->id));
	tf_get_int(&in);
	if (ev->id >= sizeof(fields) / sizeof(fields[0]))
		count = 0;
	for (uint32_t i = 0; i < 5 && i + 1 < count && !in.bad; i++) {
		if (!fields[ev->id][i])
			break;
		fprintf(out, "%s\"%s\":", sep, fields[ev->id][i]);
		put_value(out, &in, 0);
		sep = ",";
	}
	putc('}', out);
	if (ev->id == TF_EV_CLOCK)
		fprintf(out, ",\"result\":%" PRId64, ev->result);
}

void tf_json_event(FILE *out, const struct deja_event *ev)
{
	const struct tf_call *call = tf_call_by_id(ev->id);

	fprintf(out, "{\"stream\":%u,\"event\":%" PRIu64 ",\"time\":", ev->stream,
		ev->number);
	put_seconds(out, ev->time_ns);
	fprintf(out, ",\"pid\":%d,\"tid\":%d", ev->pid, ev->tid);
	if (call)
		put_call(out, ev, call);
	else
		put_fields(out, ev);
	fputs("}\n", out);
}
