/*
 * Filters (deja_look.h): conditions by key, each a list of values. Used by deja_look_next and
 * by whoever reads events by other means.
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "tracefmt/error.h"
#include "tracefmt/look/filter.h"
#include "tracefmt/parts.h"
#include "tracefmt/recording.h"

enum { LIST_MAX = 4096, TEXT_ROOM = 4352 };

static const char *const keys[] = {
    [LOOK_KEY_CALL] = "call",	  [LOOK_KEY_CLASS] = "class", [LOOK_KEY_PID] = "pid",
    [LOOK_KEY_TID] = "tid",	  [LOOK_KEY_PROCESS] = "process", [LOOK_KEY_FD] = "fd",
    [LOOK_KEY_IO] = "io",	  [LOOK_KEY_PEER] = "peer",   [LOOK_KEY_PATH] = "path",
    [LOOK_KEY_RESULT] = "result", [LOOK_KEY_ERRNO] = "errno", [LOOK_KEY_RANGE] = "range",
};

deja_filter *deja_filter_new(deja_recording *rec)
{
	deja_filter *f = calloc(1, sizeof(*f));

	if (f)
		f->rec = rec;
	return f;
}

void deja_filter_free(deja_filter *f)
{
	if (!f)
		return;
	for (unsigned k = 0; k < LOOK_KEY_COUNT; k++) {
		struct look_list *l = &f->list[k];

		for (size_t i = 0; i < l->count; i++)
			free(l->value[i].text);
		free(l->value);
	}
	free(f);
}

static bool has_class(const struct look_list *l, unsigned classes);

bool deja_filter_needs_tracker(const deja_filter *f)
{
	return f->list[LOOK_KEY_IO].count || f->list[LOOK_KEY_PEER].count ||
	       f->list[LOOK_KEY_PATH].count ||
	       has_class(&f->list[LOOK_KEY_CLASS], DEJA_CLASS_NET | DEJA_CLASS_FILE);
}

/* --- values --- */

static bool get_number(const char *text, int64_t least, int64_t most, int64_t *value)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 0);
	if (errno || end == text || *end || v < least || v > most)
		return false;
	*value = v;
	return true;
}

static bool parse_call(const char *text, struct look_value *v, struct deja_error *err)
{
	const struct tf_call *call = tf_call_by_name(text);

	if (call) {
		v->a = call->id;
		return true;
	}
	for (unsigned id = 1; id < TF_ID_FIRST; id++)
		if (!strcmp(tf_event_kind(id), text)) {
			v->a = id;
			return true;
		}
	tf_fail(err, DEJA_E_RANGE, "no system call '%.64s'; `deja info --coverage` lists them",
		text);
	return false;
}

static bool parse_result(const char *text, struct look_value *v)
{
	static const struct {
		const char *sign;
		enum look_compare compare;
	} signs[] = {{"<=", LOOK_AT_MOST}, {">=", LOOK_AT_LEAST}, {"<", LOOK_BELOW},
		     {">", LOOK_ABOVE},	   {"=", LOOK_EQUAL}};

	if (!strcmp(text, "ok") || !strcmp(text, "error")) {
		v->compare = *text == 'o' ? LOOK_OK : LOOK_ERROR;
		return true;
	}
	v->compare = LOOK_EQUAL;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (!strncmp(text, signs[i].sign, strlen(signs[i].sign))) {
			v->compare = signs[i].compare;
			text += strlen(signs[i].sign);
			break;
		}
	return get_number(text, INT64_MIN, INT64_MAX, &v->a);
}

static bool parse_errno(const char *text, struct look_value *v)
{
	if (!strcmp(text, "any")) {
		v->a = 0;
		return true;
	}
	if (get_number(text, 1, 4095, &v->a))
		return true;
	for (int n = 1; n < 4096; n++) {
		const char *name = tf_errno_name(n);

		if (name && !strcmp(name, text)) {
			v->a = n;
			return true;
		}
	}
	return false;
}

static bool pid_known(const deja_filter *f, int64_t pid)
{
	const struct deja_header *h;

	if (!f->rec)
		return true;
	h = &f->rec->header;
	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].pid == pid)
			return true;
	for (size_t i = 0; i < h->external_count; i++)
		if (h->externals[i].pid == pid)
			return true;
	return !h->complete;
}

/* One value of a list. */
static int parse_value(deja_filter *f, enum look_key key, const char *text,
		       struct look_value *v, struct deja_error *err)
{
	bool good = false;

	switch (key) {
	case LOOK_KEY_CALL:
		return parse_call(text, v, err) ? 0 : -1;
	case LOOK_KEY_CLASS:
		v->a = deja_class_by_name(text);
		if (v->a)
			return 0;
		return tf_fail(err, DEJA_E_RANGE,
			       "no class '%.64s'; there are net, file, desc, time, process, "
			       "signal, memory, ipc",
			       text);
	case LOOK_KEY_PID:
	case LOOK_KEY_TID:
		good = get_number(text, 1, INT32_MAX, &v->a);
		if (!good)
			return tf_fail(err, DEJA_E_RANGE, "'%.64s' is not a %s id", text,
				       key == LOOK_KEY_PID ? "process" : "thread");
		if (key == LOOK_KEY_PID && !pid_known(f, v->a))
			return tf_fail(err, DEJA_E_RANGE,
				       "no process %lld in this recording; `deja ps` lists them",
				       (long long)v->a);
		return 0;
	case LOOK_KEY_PROCESS:
		good = get_number(text, 1, UINT32_MAX, &v->a) &&
		       (!f->rec || tf_recording_stream(f->rec, (uint32_t)v->a));
		break;
	case LOOK_KEY_FD:
		good = get_number(text, 0, INT32_MAX, &v->a);
		break;
	case LOOK_KEY_IO:
		good = get_number(text, 1, UINT32_MAX, &v->a);
		break;
	case LOOK_KEY_PEER:
	case LOOK_KEY_PATH:
		v->text = strdup(text);
		v->pattern = strpbrk(text, "*?[") != NULL;
		if (!v->text)
			return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		good = *text;
		break;
	case LOOK_KEY_RESULT:
		good = parse_result(text, v);
		break;
	case LOOK_KEY_ERRNO:
		good = parse_errno(text, v);
		break;
	default:
		break;
	}
	if (good)
		return 0;
	return tf_fail(err, DEJA_E_RANGE, "'%.64s' is no %s to select by", text, keys[key]);
}

static int add_list(deja_filter *f, enum look_key key, char *text, struct deja_error *err)
{
	struct look_list *l = &f->list[key];
	bool negated = *text == '!';
	char *rest = text + negated, *one;

	if (l->count && l->negated != negated)
		return tf_fail(err, DEJA_E_RANGE, "%s: either what is wanted or, with !, what is not",
			       keys[key]);
	l->negated = negated;
	while ((one = strsep(&rest, ","))) {
		struct look_value v = {0}, *grown;

		if (l->count == LIST_MAX)
			return tf_fail(err, DEJA_E_RANGE, "%s: more than %d values", keys[key],
				       LIST_MAX);
		if (parse_value(f, key, one, &v, err) < 0) {
			free(v.text);
			return -1;
		}
		grown = realloc(l->value, (l->count + 1) * sizeof(*grown));
		if (!grown) {
			free(v.text);
			return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		}
		l->value = grown;
		l->value[l->count++] = v;
	}
	return 0;
}

int deja_filter_add(deja_filter *f, const char *key, const char *value, struct deja_error *err)
{
	unsigned k;
	char *copy;
	int rc;

	for (k = 0; k < LOOK_KEY_COUNT; k++)
		if (!strcmp(keys[k], key))
			break;
	if (k == LOOK_KEY_COUNT)
		return tf_fail(err, DEJA_E_RANGE, "nothing is selected by '%.32s'", key);
	if (k == LOOK_KEY_RANGE) {
		if (f->has_range)
			return tf_fail(err, DEJA_E_RANGE, "one range only");
		if (!f->rec)
			return 0;
		rc = deja_range_parse(f->rec, value, &f->range, err);
		f->has_range = rc == 0;
		return rc;
	}
	copy = strdup(value);
	if (!copy)
		return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	rc = add_list(f, (enum look_key)k, copy, err);
	free(copy);
	return rc;
}

/* --- matching --- */

static bool has_number(const struct look_list *l, int64_t n)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->value[i].a == n)
			return true;
	return false;
}

static bool has_text(const struct look_list *l, const char *text)
{
	for (size_t i = 0; text && i < l->count; i++) {
		const struct look_value *v = &l->value[i];

		if (v->pattern ? !fnmatch(v->text, text, 0) : strstr(text, v->text) != NULL)
			return true;
	}
	return false;
}

/* What a call on a socket or a file is by its descriptor: a read of a socket is of the network. */
static unsigned classes_of(const struct deja_event *ev, const struct deja_sight *s)
{
	unsigned classes = deja_event_classes(ev->id);

	if (s && s->io && s->io->kind == DEJA_IO_SOCKET)
		classes |= DEJA_CLASS_NET;
	else if (s && s->io && (s->io->kind == DEJA_IO_FILE || s->io->kind == DEJA_IO_DIRECTORY))
		classes |= DEJA_CLASS_FILE;
	return classes;
}

static bool has_class(const struct look_list *l, unsigned classes)
{
	for (size_t i = 0; i < l->count; i++)
		if ((unsigned)l->value[i].a & classes)
			return true;
	return false;
}

static bool has_result(const struct look_list *l, const struct deja_event *ev)
{
	bool failed = deja_event_failed(ev);

	for (size_t i = 0; ev->id >= TF_ID_FIRST && i < l->count; i++) {
		int64_t n = l->value[i].a, r = ev->result;

		switch (l->value[i].compare) {
		case LOOK_EQUAL:
			if (r == n)
				return true;
			break;
		case LOOK_BELOW:
			if (r < n)
				return true;
			break;
		case LOOK_ABOVE:
			if (r > n)
				return true;
			break;
		case LOOK_AT_MOST:
			if (r <= n)
				return true;
			break;
		case LOOK_AT_LEAST:
			if (r >= n)
				return true;
			break;
		case LOOK_OK:
			if (!failed)
				return true;
			break;
		case LOOK_ERROR:
			if (failed)
				return true;
			break;
		}
	}
	return false;
}

static bool has_errno(const struct look_list *l, const struct deja_event *ev)
{
	if (!deja_event_failed(ev))
		return false;
	return has_number(l, 0) || has_number(l, -ev->result);
}

static bool has_io(const struct look_list *l, const struct deja_sight *s)
{
	return (s->io && has_number(l, s->io->id)) || (s->other && has_number(l, s->other->id));
}

static bool has_peer(const struct look_list *l, const struct deja_event *ev,
		     const struct deja_sight *s)
{
	char text[160];

	if ((s->io && has_text(l, s->io->peer)) || (s->other && has_text(l, s->other->peer)))
		return true;
	if (!(s->classes & DEJA_CLASS_NET))
		return false;
	/* A datagram's own address, one that cannot be reached. */
	for (size_t i = 0; i < ev->item_count && i < DEJA_ITEM_MAX; i++) {
		const struct deja_item *item = &ev->items[i];
		const struct tf_call *call = tf_call_by_id(ev->id);

		if (call && item->arg < call->nargs && item->present && !item->is_digest &&
		    call->arg[item->arg].xlat == TF_X_SOCKADDR && strcmp(call->name, "bind") &&
		    strcmp(call->name, "getsockname") &&
		    look_address_text(item->bytes.data, item->bytes.len, text, sizeof(text)) &&
		    has_text(l, text))
			return true;
	}
	return false;
}

static bool has_path(const struct look_list *l, const struct deja_event *ev, deja_tracker *t,
		     const struct deja_sight *s)
{
	unsigned paths = look_path_args(ev->id);
	char buf[TEXT_ROOM];

	if ((s->io && has_text(l, s->io->path)) || (s->other && has_text(l, s->other->path)))
		return true;
	for (unsigned i = 0; paths >> i; i++)
		if (paths & 1u << i && deja_tracker_path(t, ev, i, buf, sizeof(buf)) &&
		    has_text(l, buf))
			return true;
	return false;
}

bool deja_filter_match(const deja_filter *f, const struct deja_event *ev, deja_tracker *t,
		       const struct deja_sight *s)
{
	if (f->has_range && !deja_range_has(&f->range, ev))
		return false;
	for (unsigned k = 0; k < LOOK_KEY_COUNT; k++) {
		const struct look_list *l = &f->list[k];
		struct look_moved moved;
		bool has = false;
		int arg;

		if (!l->count)
			continue;
		switch ((enum look_key)k) {
		case LOOK_KEY_CALL:
			has = has_number(l, look_moved_of(ev, &moved) ? moved.call : ev->id);
			break;
		case LOOK_KEY_CLASS:
			has = has_class(l, classes_of(ev, s));
			break;
		case LOOK_KEY_PID:
			has = has_number(l, ev->pid);
			break;
		case LOOK_KEY_TID:
			has = has_number(l, ev->tid);
			break;
		case LOOK_KEY_PROCESS:
			has = has_number(l, ev->stream);
			break;
		case LOOK_KEY_FD:
			arg = look_fd_arg(ev->id);
			has = arg >= 0 && has_number(l, (int)ev->args[arg]);
			break;
		case LOOK_KEY_IO:
			has = s && has_io(l, s);
			break;
		case LOOK_KEY_PEER:
			has = s && has_peer(l, ev, s);
			break;
		case LOOK_KEY_PATH:
			has = s && t && has_path(l, ev, t, s);
			break;
		case LOOK_KEY_RESULT:
			has = has_result(l, ev);
			break;
		case LOOK_KEY_ERRNO:
			has = has_errno(l, ev);
			break;
		default:
			break;
		}
		if (has == l->negated)
			return false;
	}
	return true;
}
