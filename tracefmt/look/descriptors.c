/*
 * What calls do to descriptors: opening, duplicating, closing, connecting (look.h). Called by the
 * tracker for every call that takes or gives one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tracefmt/look/call.h"
#include "tracefmt/recording.h"
#include "tracefmt/wire.h"

enum { CLOEXEC = O_CLOEXEC };

/* --- opening --- */

struct look_io *look_put_new(const struct look_call *c, enum deja_io_kind kind, int64_t fd,
			       bool cloexec)
{
	struct look_io *io;

	if (fd < 0 || fd > INT32_MAX)
		return NULL;
	io = look_io_new(&c->t->ios, kind, c->ev, (int)fd);
	if (!io)
		return NULL;
	look_table_set(&c->t->ios, c->table, (int)fd, io, cloexec, c->ev);
	c->sight->other = &io->pub;
	return io;
}

static enum deja_io_kind kind_of_path(const char *path, uint64_t flags)
{
	if (!strcmp(path, "/dev/tty") || !strncmp(path, "/dev/pts/", 9) ||
	    !strncmp(path, "/dev/tty", 8) || !strcmp(path, "/dev/console") ||
	    !strcmp(path, "/dev/ptmx"))
		return DEJA_IO_TERMINAL;
	if (!strncmp(path, "/dev/", 5) && strncmp(path, "/dev/shm/", 9))
		return DEJA_IO_DEVICE;
	return flags & O_DIRECTORY ? DEJA_IO_DIRECTORY : DEJA_IO_FILE;
}

static void apply_open(const struct look_call *c, unsigned path_arg, uint64_t flags)
{
	char path[LOOK_PATH_ROOM];
	struct look_io *io;

	if (c->ev->result < 0)
		return;
	if (!look_resolve(c->table, c->ev, path_arg, path, sizeof(path)))
		path[0] = '\0';
	io = look_put_new(c, kind_of_path(path, flags), c->ev->result, flags & CLOEXEC);
	if (io && path[0])
		look_io_set(&io->pub.path, path, sizeof(path));
}

static void apply_named(const struct look_call *c, enum deja_io_kind kind, bool cloexec,
			const char *name)
{
	struct look_io *io = c->ev->result >= 0 ? look_put_new(c, kind, c->ev->result, cloexec) : NULL;

	if (io && name)
		look_io_set(&io->pub.path, name, strlen(name));
}

/* pipe, socketpair: two descriptors in memory. */
static bool two_fds(const struct deja_event *ev, unsigned arg, int fd[2])
{
	const struct deja_item *item = look_item(ev, arg, true);

	if (ev->result != 0 || !item || item->bytes.len != 8)
		return false;
	fd[0] = (int)tf_le(item->bytes.data, 4);
	fd[1] = (int)tf_le(item->bytes.data + 4, 4);
	return fd[0] >= 0 && fd[1] >= 0;
}

static void apply_pipe(const struct look_call *c, bool cloexec)
{
	struct look_io *io;
	int fd[2];

	if (!two_fds(c->ev, 0, fd))
		return;
	io = look_put_new(c, DEJA_IO_PIPE, fd[0], cloexec);
	if (io)
		look_table_set(&c->t->ios, c->table, fd[1], io, cloexec, c->ev);
}

static void set_socket(struct look_io *io, uint64_t family, uint64_t type)
{
	io->pub.family = (int)family;
	io->pub.type = (int)(type & 0xf);
}

static void apply_socketpair(const struct look_call *c)
{
	struct look_io *a, *b;
	int fd[2];

	if (!two_fds(c->ev, 3, fd))
		return;
	a = look_put_new(c, DEJA_IO_SOCKET, fd[0], c->ev->args[1] & CLOEXEC);
	b = look_put_new(c, DEJA_IO_SOCKET, fd[1], c->ev->args[1] & CLOEXEC);
	if (!a || !b)
		return;
	set_socket(a, (uint64_t)c->ev->args[0], (uint64_t)c->ev->args[1]);
	set_socket(b, (uint64_t)c->ev->args[0], (uint64_t)c->ev->args[1]);
	a->pub.pair_id = b->pub.id;
	b->pub.pair_id = a->pub.id;
	a->pub.connected = b->pub.connected = true;
	c->sight->other = &a->pub;
}

/* --- sockets --- */

static void set_address(const char **field, const struct deja_item *item)
{
	char text[160];

	if (item && look_address_text(item->bytes.data, item->bytes.len, text, sizeof(text)))
		look_io_set(field, text, sizeof(text));
}

static void apply_accept(const struct look_call *c, struct look_io *listener, uint64_t flags)
{
	struct look_io *io = look_put_new(c, DEJA_IO_SOCKET, c->ev->result, flags & CLOEXEC);

	if (!io)
		return;
	io->pub.accepted = io->pub.connected = true;
	if (listener) {
		listener->pub.listening = true;
		set_socket(io, (uint64_t)listener->pub.family, (uint64_t)listener->pub.type);
		if (listener->pub.local)
			look_io_set(&io->pub.local, listener->pub.local, 256);
	}
	set_address(&io->pub.peer, look_item(c->ev, 1, true));
	if (!io->pub.peer && c->t->latest->address[0] && c->t->latest->address_of_peer)
		look_io_set(&io->pub.peer, c->t->latest->address, sizeof(c->t->latest->address));
	if (io->pub.family == AF_UNIX && io->pub.peer && !strcmp(io->pub.peer, "unix:")) {
		free((char *)io->pub.peer); /* nobody binds the connecting end */
		io->pub.peer = NULL;
	}
}

static void apply_socket_call(const struct look_call *c, int nr, struct look_io *io)
{
	const struct deja_event *ev = c->ev;
	bool under_way = ev->result == -EINPROGRESS;

	switch (nr) {
	case SYS_connect: /* whom it could not reach is told, too */
		if (io->pub.connected && ev->result && !under_way)
			return;
		io->pub.connected |= !ev->result || under_way;
		set_address(&io->pub.peer, look_item(ev, 1, false));
		if (!io->pub.local && c->t->latest->address[0] && !c->t->latest->address_of_peer)
			look_io_set(&io->pub.local, c->t->latest->address, sizeof(c->t->latest->address));
		return;
	case SYS_bind:
		if (!ev->result)
			set_address(&io->pub.local, look_item(ev, 1, false));
		return;
	case SYS_listen:
		io->pub.listening |= !ev->result;
		return;
	case SYS_getsockname:
		if (!ev->result)
			set_address(&io->pub.local, look_item(ev, 1, true));
		return;
	case SYS_getpeername:
		if (!ev->result)
			set_address(&io->pub.peer, look_item(ev, 1, true));
		return;
	case SYS_sendto:
		if (ev->result >= 0 && !io->pub.peer)
			set_address(&io->pub.peer, look_item(ev, 4, false));
		return;
	case SYS_recvfrom:
		if (ev->result >= 0 && !io->pub.peer)
			set_address(&io->pub.peer, look_item(ev, 4, true));
		return;
	}
}

/* --- duplicates --- */

static void apply_dup(const struct look_call *c, struct look_slot *slot, bool cloexec)
{
	struct look_io *io = slot->io;

	if (c->ev->result >= 0 && c->ev->result <= INT32_MAX)
		look_table_set(&c->t->ios, c->table, (int)c->ev->result, io, cloexec, c->ev);
}

static void apply_fcntl(const struct look_call *c, struct look_slot *slot)
{
	switch (c->ev->args[1]) {
	case F_DUPFD:
		apply_dup(c, slot, false);
		break;
	case F_DUPFD_CLOEXEC:
		apply_dup(c, slot, true);
		break;
	case F_SETFD:
		if (!c->ev->result)
			slot->cloexec = c->ev->args[2] & FD_CLOEXEC;
		break;
	}
}

/* --- all of them --- */

/* Calls that give a descriptor and take none, or only a directory's. */
static bool apply_opening(const struct look_call *c, int nr)
{
	const long *args = c->ev->args;
	const struct deja_item *how;
	struct look_io *io;
	char name[64];
	size_t len;

	switch (nr) {
	case SYS_open:
		apply_open(c, 0, (uint64_t)args[1]);
		return true;
	case SYS_creat:
		apply_open(c, 0, 0);
		return true;
	case SYS_openat:
		apply_open(c, 1, (uint64_t)args[2]);
		return true;
	case SYS_openat2:
		how = look_item(c->ev, 2, false);
		apply_open(c, 1, how && how->bytes.len >= 8 ? tf_le(how->bytes.data, 8) : 0);
		return true;
	case SYS_pipe:
		apply_pipe(c, false);
		return true;
	case SYS_pipe2:
		apply_pipe(c, args[1] & CLOEXEC);
		return true;
	case SYS_socket:
		io = look_put_new(c, DEJA_IO_SOCKET, c->ev->result, args[1] & CLOEXEC);
		if (io)
			set_socket(io, (uint64_t)args[0], (uint64_t)args[1]);
		return true;
	case SYS_socketpair:
		apply_socketpair(c);
		return true;
	case SYS_epoll_create:
		apply_named(c, DEJA_IO_EPOLL, false, NULL);
		return true;
	case SYS_epoll_create1:
		apply_named(c, DEJA_IO_EPOLL, args[0] & CLOEXEC, NULL);
		return true;
	case SYS_eventfd:
		apply_named(c, DEJA_IO_EVENTFD, false, NULL);
		return true;
	case SYS_eventfd2:
		apply_named(c, DEJA_IO_EVENTFD, args[1] & CLOEXEC, NULL);
		return true;
	case SYS_timerfd_create:
		apply_named(c, DEJA_IO_TIMERFD, args[1] & CLOEXEC, NULL);
		return true;
	case SYS_inotify_init:
		apply_named(c, DEJA_IO_INOTIFY, false, NULL);
		return true;
	case SYS_inotify_init1:
		apply_named(c, DEJA_IO_INOTIFY, args[0] & CLOEXEC, NULL);
		return true;
	case SYS_memfd_create:
		snprintf(name, sizeof(name), "memfd:%.*s", 40,
			 look_path_item(c->ev, 0, &len) && len < 40 ? look_path_item(c->ev, 0, &len) : "");
		apply_named(c, DEJA_IO_MEMFD, args[1] & 1, name);
		return true;
	case SYS_pidfd_open:
		snprintf(name, sizeof(name), "pidfd:%d", (int)args[0]);
		apply_named(c, DEJA_IO_PIDFD, true, name);
		return true;
	case SYS_mq_open:
		apply_named(c, DEJA_IO_QUEUE, true, "queue");
		return true;
	case SYS_fanotify_init:
	case SYS_fsopen:
		apply_named(c, DEJA_IO_OTHER, args[0] & 1, NULL);
		return true;
	case SYS_open_tree:
	case SYS_fsmount:
	case SYS_fspick:
	case SYS_open_by_handle_at:
	case SYS_pidfd_getfd:
	case SYS_landlock_create_ruleset:
		apply_named(c, DEJA_IO_UNKNOWN, true, NULL);
		return true;
	}
	return false;
}

static void apply_taking(const struct look_call *c, int nr, struct look_slot *slot)
{
	const long *args = c->ev->args;
	struct look_io *io = slot->io;

	if (io->pub.kind == DEJA_IO_SOCKET)
		apply_socket_call(c, nr, io);
	switch (nr) {
	case SYS_accept:
	case SYS_accept4:
		apply_accept(c, io, nr == SYS_accept4 ? (uint64_t)args[3] : 0);
		break;
	case SYS_dup:
		apply_dup(c, slot, false);
		break;
	case SYS_dup2:
		if (args[0] != args[1])
			apply_dup(c, slot, false);
		break;
	case SYS_dup3:
		apply_dup(c, slot, args[2] & CLOEXEC);
		break;
	case SYS_fcntl:
		apply_fcntl(c, slot);
		break;
	case SYS_ioctl:
		look_learn_ioctl(c, slot);
		break;
	case SYS_fstat:
	case SYS_newfstatat:
	case SYS_statx:
		look_learn_stat(c, nr, io);
		break;
	case SYS_fchdir:
		if (!c->ev->result && io->pub.path) {
			free(c->table->cwd);
			c->table->cwd = strdup(io->pub.path);
		}
		break;
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_recvmsg:
	case SYS_recvmmsg:
		look_apply_message(c, nr, io);
		break;
	case SYS_close:
		if (c->ev->result != -EBADF)
			look_table_close(&c->t->ios, c->table, (int)args[0], c->ev);
		break;
	}
}

/* The descriptor that a call names: what it is, found or, when the call shows that there is
 * one, made up as inherited. */
static struct look_slot *slot_of(const struct look_call *c, int fd)
{
	struct look_slot *slot = look_table_find(c->table, fd);
	struct look_io *io;

	if (slot && c->ev->result == -EBADF && slot->io->pub.inherited &&
	    !slot->io->pub.in_count && !slot->io->pub.out_count) {
		look_table_clear(&c->t->ios, c->table, fd, c->ev);
		return NULL;
	}
	if (slot || fd < 0 || c->ev->result < 0)
		return slot;
	io = look_io_new(&c->t->ios, DEJA_IO_UNKNOWN, c->ev, fd);
	if (!io)
		return NULL;
	io->pub.inherited = true;
	io->pub.open_event = 0;
	look_table_set(&c->t->ios, c->table, fd, io, false, c->ev);
	return look_table_find(c->table, fd);
}

static bool is_error(int64_t result)
{
	return result < 0 && result >= -4095 && result != -EAGAIN &&
	       result != -EINPROGRESS && result != TF_RESTART;
}

void look_apply_call(deja_tracker *t, struct look_table *table, const struct deja_event *ev,
		     struct deja_sight *sight)
{
	struct look_call c = {t, table, ev, sight};
	int nr = look_nr(ev), arg = look_fd_arg(ev->id);
	struct look_slot *slot;
	char path[LOOK_PATH_ROOM];

	if (nr == SYS_close_range && !ev->result) {
		look_table_close_range(&t->ios, table, (unsigned)ev->args[0],
				       (unsigned)ev->args[1], ev->args[2] & 4, ev);
		return;
	}
	if (nr == SYS_chdir && !ev->result && look_resolve(table, ev, 0, path, sizeof(path))) {
		free(table->cwd);
		table->cwd = strdup(path);
	}
	if (arg < 0 || (int)ev->args[arg] == AT_FDCWD) {
		apply_opening(&c, nr);
		return;
	}
	if (nr == SYS_mmap && ev->args[3] & MAP_ANONYMOUS)
		return;
	sight->fd = (int)ev->args[arg];
	if (nr == SYS_signalfd || nr == SYS_signalfd4) {
		if (sight->fd == -1)
			apply_named(&c, DEJA_IO_SIGNALFD,
				    nr == SYS_signalfd4 && ev->args[3] & CLOEXEC, NULL);
		return;
	}
	slot = slot_of(&c, sight->fd);
	if (slot) {
		sight->io = &slot->io->pub;
		if (is_error(ev->result)) {
			slot->io->pub.error_count++;
			slot->io->pub.last_errno = (int)-ev->result;
		}
	}
	if (!apply_opening(&c, nr) && slot)
		apply_taking(&c, nr, slot);
	if (nr == SYS_epoll_ctl) {
		slot = look_table_find(table, (int)ev->args[2]);
		sight->other = slot ? &slot->io->pub : NULL;
	}
}
