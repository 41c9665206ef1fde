/*
 * The call that a table of descriptors is being changed by. Shared by descriptors.c and what it
 * hands on: rights.c and learn.c.
 */
#ifndef DEJA_TRACEFMT_LOOK_CALL_H
#define DEJA_TRACEFMT_LOOK_CALL_H

#include "tracefmt/look/look.h"

enum { LOOK_PATH_ROOM = 4352 };

struct look_call {
	deja_tracker *t;
	struct look_table *table;
	const struct deja_event *ev;
	struct deja_sight *sight;
};

/* Puts a new description at fd and into sight->other; NULL when that cannot be. */
struct look_io *look_put_new(const struct look_call *c, enum deja_io_kind kind, int64_t fd,
			     bool cloexec);
/* path.c: the absolute form of a path argument, by the table's directories. */
bool look_resolve(const struct look_table *table, const struct deja_event *ev, unsigned arg,
		  char *buf, size_t len);
/* The bytes of a path argument without its NUL, or NULL. */
const char *look_path_item(const struct deja_event *ev, unsigned arg, size_t *len);
/* rights.c: descriptors sent and received over a socket. */
void look_apply_message(const struct look_call *c, int nr, struct look_io *over);
/* learn.c: what fstat and ioctl tell of a descriptor. */
void look_learn_stat(const struct look_call *c, int nr, struct look_io *io);
void look_learn_ioctl(const struct look_call *c, struct look_slot *slot);

#endif
