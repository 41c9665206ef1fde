/*
 * Paths of calls made absolute, by the directory that they count from (deja_look.h).
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tracefmt/look/call.h"

/* Joins without resolving links: dir/name, `.` and empty parts dropped, `..` kept. */
static void join(char *buf, size_t len, const char *dir, const char *name, size_t name_len)
{
	size_t n = 0;
	const char *end = name + name_len;

	if (dir && (!name_len || *name != '/'))
		n = (size_t)snprintf(buf, len, "%s", dir);
	else if (name_len && *name == '/')
		buf[0] = '\0';
	else
		n = (size_t)snprintf(buf, len, "?"); /* relative to what is not known */
	if (n >= len)
		n = len - 1;
	while (n > 1 && buf[n - 1] == '/')
		n--;
	if (n == 1 && buf[0] == '/')
		n = 0;
	while (name < end) {
		const char *slash = memchr(name, '/', (size_t)(end - name));
		size_t part = (size_t)((slash ? slash : end) - name);

		if (part && !(part == 1 && *name == '.') && n + part + 2 < len) {
			buf[n++] = '/';
			memcpy(buf + n, name, part);
			n += part;
		}
		name += part + (slash != NULL);
	}
	if (!n)
		buf[n++] = '/';
	buf[n] = '\0';
}

/* The bytes of a path argument without its NUL. */
const char *look_path_item(const struct deja_event *ev, unsigned arg, size_t *len)
{
	const struct deja_item *item = look_item(ev, arg, false);

	if (!item)
		return NULL;
	*len = strnlen((const char *)item->bytes.data, item->bytes.len);
	return (const char *)item->bytes.data;
}

bool look_resolve(const struct look_table *table, const struct deja_event *ev, unsigned arg,
		    char *buf, size_t len)
{
	const struct tf_call *call = tf_call_by_id(ev->id);
	const char *dir = table ? table->cwd : NULL, *name;
	size_t name_len;

	if (!call || arg > 5 || !(look_path_args(ev->id) & 1u << arg))
		return false;
	name = look_path_item(ev, arg, &name_len);
	if (!name)
		return false;
	if (arg > 0 && call->arg[arg - 1].kind == TF_FD && (int)ev->args[arg - 1] != AT_FDCWD) {
		struct look_slot *slot =
		    table ? look_table_find(table, (int)ev->args[arg - 1]) : NULL;

		dir = slot ? slot->io->pub.path : NULL;
	}
	join(buf, len, dir, name, name_len);
	return true;
}

bool deja_tracker_path(deja_tracker *t, const struct deja_event *ev, unsigned arg, char *buf,
		       size_t len)
{
	/* After an exit the process is gone; no call with a path ends one. */
	if (!t->latest || t->latest->stream != ev->stream || len < 2)
		return false;
	return look_resolve(look_table_of(t, ev), ev, arg, buf, len);
}
