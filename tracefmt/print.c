/*
 * Events as strace-like lines, from the call table's rows. Tools only (stdio). Prints
 * whatever it is given: a decoded event may lack any item, and no length is trusted.
 */
#include <inttypes.h>
#include <string.h>
#include "parts.h"

const struct deja_item *tf_item(const struct deja_event *ev, unsigned arg, bool inbound)
{
	for (size_t i = 0; i < ev->item_count && i < DEJA_ITEM_MAX; i++)
		if (ev->items[i].arg == arg && ev->items[i].inbound == inbound)
			return &ev->items[i];
	return NULL;
}

/* The names of a socket option depend on the level before it. */
static unsigned sockopt_names(long level)
{
	switch (level) {
	case 0:
		return TF_X_IP;
	case 1:
		return TF_X_SO;
	case 6:
		return TF_X_TCP;
	case 41:
		return TF_X_IPV6;
	}
	return TF_X_0;
}

static void put_scalar(struct tf_text *out, const struct deja_event *ev,
		       const struct tf_call *call, unsigned index,
		       const struct tf_arg *arg)
{
	enum { at_fdcwd = -100, setsockopt_nr = 54, getsockopt_nr = 55 };
	long v = ev->args[index];

	switch (arg->kind) {
	case TF_FD:
		if ((int)v == at_fdcwd)
			tf_puts(out, "AT_FDCWD");
		else
			tf_put_dec(out, (int)v);
		break;
	case TF_INT:
		if (index == 2 &&
		    (call->nr == setsockopt_nr || call->nr == getsockopt_nr))
			tf_put_names(out, sockopt_names(ev->args[1]), (uint64_t)(int)v);
		else
			tf_put_dec(out, (int)v);
		break;
	case TF_PID:
		tf_put_dec(out, (int)v);
		break;
	case TF_UINT:
		tf_put_udec(out, (unsigned)v);
		break;
	case TF_LONG:
	case TF_OFF:
		tf_put_dec(out, v);
		break;
	case TF_SIZE:
		tf_put_udec(out, (unsigned long)v);
		break;
	case TF_MODE:
		tf_put(out, "%#03lo", (unsigned long)v & 0xffffffff);
		break;
	case TF_FLAGS:
		tf_put_names(out, arg->xlat, (uint32_t)v);
		break;
	case TF_SIG:
		tf_put_signal(out, (int)v);
		break;
	case TF_PTR:
		tf_puts(out, v ? "<ptr>" : "NULL");
		break;
	case TF_ADDR:
		if (v)
			tf_put_0x(out, (unsigned long)v);
		else
			tf_puts(out, "NULL");
		break;
	case TF_NONE:
		tf_putc(out, '0');
		break;
	default:
		tf_put(out, (unsigned long)v < 0x10000 ? "%lu" : "%#lx",
			(unsigned long)v);
	}
}

/* A vector of strings; an environment only by its size, as strace does. */
static void put_strv(struct tf_text *out, const struct tf_arg *arg, struct deja_bytes raw,
		     size_t excerpt_len)
{
	struct tf_in in = tf_in_bytes(raw);
	uint32_t count = tf_get_array(&in);

	if (!strcmp(arg->name, "envp") && excerpt_len) {
		tf_put(out, "[/* %u var%s */]", count, count == 1 ? "" : "s");
		return;
	}
	tf_putc(out, '[');
	for (uint32_t i = 0; i < count && !in.bad; i++) {
		uint32_t len;
		const uint8_t *bytes = tf_get_bytes(&in, &len);

		if (in.bad)
			break;
		tf_puts(out, i ? ", " : "");
		if (len && !bytes[len - 1])
			len--;
		tf_put_text(out, bytes, len, 0);
	}
	tf_putc(out, ']');
}

static void put_item(struct tf_text *out, const struct tf_arg *arg, const struct deja_item *item,
		     size_t excerpt_len)
{
	struct deja_bytes b = item->bytes;

	if (item->is_digest) {
		tf_put(out, "xxh64:%016" PRIx64, item->digest);
		return;
	}
	switch (arg->rule) {
	case TF_STRV:
		put_strv(out, arg, b, excerpt_len);
		return;
	case TF_MSG:
		tf_put_msg(out, b, excerpt_len);
		return;
	case TF_MMSG:
		tf_put_mmsg(out, b, excerpt_len);
		return;
	case TF_CSTR:
		if (b.len && !b.data[b.len - 1])
			b.len--;
		tf_put_text(out, b.data, b.len, 0);
		return;
	}
	if (!arg->xlat || !tf_put_layout(out, arg->xlat, b.data, b.len))
		tf_put_text(out, b.data, b.len, excerpt_len);
}

/* Memory that was not captured: a NULL pointer, or a failed call's buffer. */
static void put_absent(struct tf_text *out, const struct deja_event *ev, const struct tf_arg *arg)
{
	bool by_result = arg->rule == TF_RESULT || arg->rule == TF_IOVEC ||
			 arg->rule == TF_MSG || arg->rule == TF_MMSG;

	if (ev->result < 0 && (by_result || arg->dir == TF_RX))
		tf_putc(out, '?');
	else if (ev->result == 0 && arg->rule == TF_RESULT)
		tf_puts(out, "\"\"");
	else
		tf_puts(out, "NULL");
}

void tf_put_arg(struct tf_text *out, const struct deja_event *ev, const struct tf_call *call,
		unsigned index, const struct tf_arg *arg, size_t excerpt_len)
{
	const struct deja_item *tx, *rx;

	if (arg->kind != TF_MEM) {
		put_scalar(out, ev, call, index, arg);
		return;
	}
	tx = tf_item(ev, index, false);
	rx = tf_item(ev, index, true);
	if (tx && !tx->present)
		tx = NULL;
	if (rx && !rx->present)
		rx = NULL;
	if (!tx && !rx) {
		put_absent(out, ev, arg);
		return;
	}
	if (tx && rx && !tx->is_digest && arg->xlat == TF_X_INT32 &&
	    tx->bytes.len == 4 && rx->bytes.len == 4) {
		tf_put(out, "[%d => %d]", (int)tf_le(tx->bytes.data, 4),
			(int)tf_le(rx->bytes.data, 4));
		return;
	}
	if (tx)
		put_item(out, arg, tx, excerpt_len);
	if (tx && rx)
		tf_puts(out, " => ");
	if (rx)
		put_item(out, arg, rx, excerpt_len);
}

static void put_result(struct tf_text *out, const struct deja_event *ev,
		       const struct tf_call *call)
{
	enum { fcntl_nr = 72, f_getfl = 3, execve_nr = 59, execveat_nr = 322 };
	const char *name;

	if (ev->result == TF_RESTART) {
		tf_puts(out, "? (interrupted, to be made again)");
	} else if (ev->result < 0 && ev->result >= -4095) {
		name = tf_errno_name((int)-ev->result);
		if (name)
			tf_put(out, "-1 %s (%s)", name, strerror((int)-ev->result));
		else
			tf_put(out, "-1 (errno %d)", (int)-ev->result);
	} else if (call->flags & TF_NORETURN && call->nr != execve_nr &&
		   call->nr != execveat_nr) {
		tf_putc(out, '?');
	} else if (call->flags & TF_ADDR_RESULT) {
		tf_put_0x(out, (uint64_t)ev->result);
	} else if (call->nr == fcntl_nr && ev->args[1] == f_getfl) {
		tf_put(out, "%#" PRIx64 " (flags ", (uint64_t)ev->result);
		tf_put_names(out, TF_X_OPEN, (uint32_t)ev->result);
		tf_putc(out, ')');
	} else {
		tf_put_dec(out, ev->result);
	}
}

void tf_put_call(struct tf_text *out, const struct deja_event *ev,
		 const struct tf_print_opts *opts)
{
	const struct tf_call *call = tf_call_by_id(ev->id);
	size_t excerpt_len =
	    opts && opts->excerpt_len ? opts->excerpt_len : TF_EXCERPT_LEN;
	struct tf_arg args[6];
	unsigned long values[6];
	unsigned shown = 0;
	int known;

	if (!call) {
		tf_put_event(out, ev);
		return;
	}
	for (unsigned i = 0; i < 6; i++)
		values[i] = (unsigned long)ev->args[i];
	for (unsigned i = 0; i < call->nargs; i++) {
		args[i] = tf_arg_resolve(call, i, values, &known);
		if (args[i].kind != TF_NONE)
			shown = i + 1;
	}
	tf_puts(out, call->name);
	tf_putc(out, '(');
	for (unsigned i = 0; i < shown; i++) {
		tf_puts(out, i ? ", " : "");
		tf_put_arg(out, ev, call, i, &args[i], excerpt_len);
	}
	tf_puts(out, ") = ");
	put_result(out, ev, call);
}

void tf_print_call(FILE *file, const struct deja_event *ev,
		   const struct tf_print_opts *opts)
{
	struct tf_text out = {0};

	tf_put_call(&out, ev, opts);
	tf_text_flush(&out, file);
	tf_text_free(&out);
}

void tf_print_arg(FILE *file, const struct deja_event *ev, const struct tf_call *call,
		  unsigned index, const struct tf_arg *arg)
{
	struct tf_text out = {0};

	tf_put_arg(&out, ev, call, index, arg, TF_EXCERPT_LEN);
	tf_text_flush(&out, file);
	tf_text_free(&out);
}

void tf_print_event(FILE *file, const struct deja_event *ev,
		    const struct tf_print_opts *opts)
{
	static _Thread_local struct tf_text out; /* kept: one is printed after the other */
	int64_t us = ev->time_ns / 1000;

	tf_put(&out, "%5" PRId64 ".%06" PRId64 " ", us / 1000000, us % 1000000);
	if (opts && opts->show_stream)
		tf_put(&out, "[%u] ", ev->stream);
	tf_put_dec(&out, ev->pid);
	if (ev->tid != ev->pid)
		tf_put(&out, "/%d", ev->tid);
	tf_putc(&out, ' ');
	tf_put_call(&out, ev, opts);
	tf_putc(&out, '\n');
	tf_text_flush(&out, file);
}

void tf_print_short(FILE *file, const struct deja_event *ev)
{
	if (!tf_call_by_id(ev->id)) {
		tf_print_event(file, ev, NULL);
		return;
	}
	tf_print_call(file, ev, NULL);
	fputc('\n', file);
}
