/*
 * Open file descriptions and what they are called (look.h). Called by the tracker only.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tracefmt/look/look.h"

const char *deja_io_kind_name(enum deja_io_kind kind)
{
	static const char *const names[] = {
	    [DEJA_IO_UNKNOWN] = "unknown",   [DEJA_IO_FILE] = "file",
	    [DEJA_IO_DIRECTORY] = "directory", [DEJA_IO_PIPE] = "pipe",
	    [DEJA_IO_SOCKET] = "socket",     [DEJA_IO_TERMINAL] = "terminal",
	    [DEJA_IO_DEVICE] = "device",     [DEJA_IO_EPOLL] = "epoll",
	    [DEJA_IO_EVENTFD] = "eventfd",   [DEJA_IO_TIMERFD] = "timerfd",
	    [DEJA_IO_SIGNALFD] = "signalfd", [DEJA_IO_INOTIFY] = "inotify",
	    [DEJA_IO_MEMFD] = "memfd",	     [DEJA_IO_PIDFD] = "pidfd",
	    [DEJA_IO_QUEUE] = "queue",	     [DEJA_IO_OTHER] = "other",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

static const char *inherited_text(const struct deja_io *io, char *buf, size_t len)
{
	static const char *const standard[] = {"standard input", "standard output",
					       "standard error"};
	char what[40] = "";

	if (io->kind != DEJA_IO_UNKNOWN)
		snprintf(what, sizeof(what), " (%s)", deja_io_kind_name(io->kind));
	if (io->role == 1 || io->role == 2)
		snprintf(buf, len, "%s%s", standard[io->role], what);
	else if (io->fd >= 0 && io->fd <= 2)
		snprintf(buf, len, "%s%s", standard[io->fd], what);
	else
		snprintf(buf, len, "inherited descriptor %d%s", io->fd, what);
	return buf;
}

const char *deja_io_text(const struct deja_io *io, char *buf, size_t len)
{
	const char *family = io->family == AF_UNIX	  ? "unix"
			     : io->family == AF_NETLINK ? "netlink"
			     : io->type == SOCK_DGRAM	  ? "udp"
			     : io->type == SOCK_STREAM  ? "tcp"
							  : "raw";

	if (io->path) {
		snprintf(buf, len, "%s", io->path);
	} else if (io->kind == DEJA_IO_SOCKET) {
		if (io->listening)
			snprintf(buf, len, "%s listening on %s", family,
				 io->local ? io->local : "?");
		else if (io->pair_id)
			snprintf(buf, len, "%s pair with %u", family, io->pair_id);
		else if (io->accepted)
			snprintf(buf, len, "%s %s <- %s", family, io->local ? io->local : "?",
				 io->peer ? io->peer : "?");
		else if (io->peer)
			snprintf(buf, len, "%s %s -> %s", family, io->local ? io->local : "?",
				 io->peer);
		else if (io->local)
			snprintf(buf, len, "%s %s", family, io->local);
		else
			snprintf(buf, len, "%s socket", family);
	} else if (io->inherited) {
		return inherited_text(io, buf, len);
	} else {
		snprintf(buf, len, "%s", deja_io_kind_name(io->kind));
	}
	return buf;
}

void look_io_set(const char **field, const char *text, size_t len)
{
	char *copy = strndup(text, len);

	if (!copy)
		return;
	free((char *)*field);
	*field = copy;
}

bool look_address_text(const uint8_t *bytes, size_t len, char *buf, size_t buf_len)
{
	char text[INET6_ADDRSTRLEN];
	unsigned family;

	if (len < 2)
		return false;
	family = (unsigned)tf_le(bytes, 2);
	if (family == AF_UNIX) {
		bool abstract = len > 3 && !bytes[2];
		size_t at = abstract ? 3 : 2, n = strnlen((const char *)bytes + at, len - at);

		snprintf(buf, buf_len, "unix:%s%.*s", abstract ? "@" : "", (int)n,
			 (const char *)bytes + at);
	} else if (family == AF_INET && len >= 8) {
		inet_ntop(AF_INET, bytes + 4, text, sizeof(text));
		snprintf(buf, buf_len, "%s:%u", text, (unsigned)bytes[2] << 8 | bytes[3]);
	} else if (family == AF_INET6 && len >= 24) {
		inet_ntop(AF_INET6, bytes + 8, text, sizeof(text));
		snprintf(buf, buf_len, "[%s]:%u", text, (unsigned)bytes[2] << 8 | bytes[3]);
	} else if (family == AF_NETLINK && len >= 8) {
		snprintf(buf, buf_len, "netlink:%u", (unsigned)tf_le(bytes + 4, 4));
	} else {
		return false;
	}
	for (char *p = buf; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return true;
}

struct look_io *look_io_new(struct look_ios *ios, enum deja_io_kind kind,
			    const struct deja_event *ev, int fd)
{
	struct look_io *io;

	io = ios->count < LOOK_OPEN_MAX ? calloc(1, sizeof(*io)) : NULL;
	if (!io) {
		ios->lost++;
		return NULL;
	}
	io->pub.id = ++ios->next_id;
	io->pub.kind = kind;
	io->pub.open_ns = ev->time_ns;
	io->pub.close_ns = -1;
	io->pub.in_ns = io->pub.out_ns = -1;
	io->pub.stream = ev->stream;
	io->pub.open_event = ev->number;
	io->pub.pid = ev->pid;
	io->pub.fd = fd;
	io->prev = ios->last;
	if (ios->last)
		ios->last->next = io;
	else
		ios->first = io;
	ios->last = io;
	ios->count++;
	return io;
}

void look_io_ref(struct look_io *io)
{
	io->refs++;
}

static void io_free(struct look_io *io)
{
	free((char *)io->pub.path);
	free((char *)io->pub.local);
	free((char *)io->pub.peer);
	free(io);
}

void look_io_unref(struct look_ios *ios, struct look_io *io, const struct deja_event *ev)
{
	if (io->refs && --io->refs)
		return;
	if (ev) {
		io->pub.close_ns = ev->time_ns;
		io->pub.close_stream = ev->stream;
		io->pub.close_event = ev->number;
	}
	if (io->prev)
		io->prev->next = io->next;
	else
		ios->first = io->next;
	if (io->next)
		io->next->prev = io->prev;
	else
		ios->last = io->prev;
	ios->count--;
	if (ev && ios->watch)
		ios->watch(ios->watch_arg, &io->pub);
	io->next = ios->dead;
	ios->dead = io;
}

void look_io_bury(struct look_ios *ios)
{
	while (ios->dead) {
		struct look_io *io = ios->dead;

		ios->dead = io->next;
		io_free(io);
	}
}

void look_ios_free(struct look_ios *ios)
{
	look_io_bury(ios);
	while (ios->first) {
		struct look_io *io = ios->first;

		ios->first = io->next;
		io_free(io);
	}
}

const struct deja_item *look_item(const struct deja_event *ev, unsigned arg, bool inbound)
{
	for (size_t i = 0; i < ev->item_count && i < DEJA_ITEM_MAX; i++) {
		const struct deja_item *item = &ev->items[i];

		if (item->arg == arg && item->inbound == inbound)
			return item->present && !item->is_digest ? item : NULL;
	}
	return NULL;
}
