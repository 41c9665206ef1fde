/*
 * What the program's own questions tell of a descriptor: its kind by fstat, a terminal by ioctl.
 * Called by descriptors.c.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "tracefmt/look/call.h"

static void learn_mode(struct look_io *io, unsigned mode, uint64_t rdev)
{
	struct deja_io *pub = &io->pub;
	unsigned class = major(rdev);

	if (pub->kind != DEJA_IO_UNKNOWN && pub->kind != DEJA_IO_FILE &&
	    pub->kind != DEJA_IO_DEVICE)
		return;
	switch (mode & S_IFMT) {
	case S_IFREG:
		pub->kind = DEJA_IO_FILE;
		break;
	case S_IFDIR:
		pub->kind = DEJA_IO_DIRECTORY;
		break;
	case S_IFIFO:
		pub->kind = DEJA_IO_PIPE;
		break;
	case S_IFSOCK:
		pub->kind = DEJA_IO_SOCKET;
		break;
	case S_IFBLK:
		pub->kind = DEJA_IO_DEVICE;
		break;
	case S_IFCHR: /* tty, console, virtual consoles, pseudo terminals */
		pub->kind = class == 4 || class == 5 || (class >= 136 && class <= 143)
				? DEJA_IO_TERMINAL
				: DEJA_IO_DEVICE;
		break;
	}
}

void look_learn_stat(const struct look_call *c, int nr, struct look_io *io)
{
	const struct deja_item *item;
	size_t len;

	if (c->ev->result)
		return;
	if (nr == SYS_fstat || nr == SYS_newfstatat) {
		item = look_item(c->ev, nr == SYS_fstat ? 1 : 2, true);
		if (nr == SYS_newfstatat && (!look_path_item(c->ev, 1, &len) || len))
			return;
		if (item && item->bytes.len >= 48)
			learn_mode(io, (unsigned)tf_le(item->bytes.data + 24, 4),
				   tf_le(item->bytes.data + 40, 8));
	} else if (look_path_item(c->ev, 1, &len) && !len) { /* statx of the descriptor itself */
		item = look_item(c->ev, 4, true);
		if (item && item->bytes.len >= 0x88)
			learn_mode(io, (unsigned)tf_le(item->bytes.data + 28, 2),
				   makedev(tf_le(item->bytes.data + 0x80, 4),
					   tf_le(item->bytes.data + 0x84, 4)));
	}
}

void look_learn_ioctl(const struct look_call *c, struct look_slot *slot)
{
	if (c->ev->result)
		return;
	switch ((unsigned)c->ev->args[1]) {
	case TCGETS:
	case TIOCGWINSZ:
		if (slot->io->pub.kind == DEJA_IO_UNKNOWN || slot->io->pub.kind == DEJA_IO_DEVICE)
			slot->io->pub.kind = DEJA_IO_TERMINAL;
		break;
	case FIOCLEX:
		slot->cloexec = true;
		break;
	case FIONCLEX:
		slot->cloexec = false;
		break;
	}
}
