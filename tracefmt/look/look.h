/*
 * What the files of this room share: descriptions and tables of descriptors. The public
 * functions are in tracefmt/deja_look.h. Tools only (malloc, stdio).
 *
 *   tracker.c      processes, threads, the order of things; calls the three below
 *   descriptors.c  what calls do to descriptors
 *   transfer.c     the bytes they carry
 *   io.c, table.c  descriptions and tables
 */
#ifndef DEJA_TRACEFMT_LOOK_H
#define DEJA_TRACEFMT_LOOK_H

#include "tracefmt/bytes.h"
#include "tracefmt/calls.h"
#include "tracefmt/deja_look.h"

/* class.c: a bit per argument that is a path; the first argument that is a descriptor. */
unsigned look_path_args(unsigned id);
int look_fd_arg(unsigned id);

/* --- io.c: open file descriptions --- */

enum {
	LOOK_OPEN_MAX = 1 << 18, /* followed at once: what a hostile recording can make us hold */
	LOOK_SLOT_MAX = 1 << 22, /* descriptors of all processes together */
	LOOK_RIGHTS_MAX = 64,	 /* descriptors in flight through SCM_RIGHTS */
};

struct look_io {
	struct deja_io pub; /* its strings are malloc'd */
	unsigned refs;
	struct look_io *prev, *next; /* all open ones, by id */
	bool line_begun;	     /* lines: the last byte in was no line's end */
};

/* All open file descriptions. */
struct look_ios {
	struct look_io *first, *last; /* by id */
	struct look_io *dead; /* closed by the last event: forgotten at the next */
	uint32_t next_id;
	size_t count, slot_count;
	uint64_t lost;
	deja_io_watch *watch;
	void *watch_arg;
};

/* A new one with no reference yet, or NULL when there are too many, or no memory. */
struct look_io *look_io_new(struct look_ios *ios, enum deja_io_kind kind,
			    const struct deja_event *ev, int fd);
/* Takes and gives back a reference; the last one closes. */
void look_io_ref(struct look_io *io);
void look_io_unref(struct look_ios *ios, struct look_io *io, const struct deja_event *ev);
/* Frees what look_io_unref closed. */
void look_io_bury(struct look_ios *ios);
void look_ios_free(struct look_ios *ios);
/* Replaces a string of io->pub by a copy of these bytes, up to a NUL. */
void look_io_set(const char **field, const char *text, size_t len);
/* An address as deja_io has it; false when the bytes are none. */
bool look_address_text(const uint8_t *bytes, size_t len, char *buf, size_t buf_len);

/* --- transfer.c --- */

/* A MOVED event; false when it does not decode. */
struct look_moved {
	unsigned call; /* id */
	int out_fd, in_fd;
	struct deja_bytes bytes;
};
bool look_moved_of(const struct deja_event *ev, struct look_moved *m);

/* --- table.c: descriptors of a process --- */

/* An open descriptor. */
struct look_slot {
	int fd;
	bool cloexec;
	struct look_io *io;
	int64_t open_ns; /* when it came to be */
	/* Closes of what was there before that are still to come: a thread's close is an event
	 * when it returns, and by then another thread may have been given the number. */
	uint32_t owed;
};

struct look_table {
	struct look_slot *slots; /* by fd */
	size_t count, cap;
	char *cwd;
};

/* What is at fd, or NULL. Valid until the table changes. */
struct look_slot *look_table_find(const struct look_table *t, int fd);
/* Puts io (a reference is taken) at fd; what was there is closed. */
void look_table_set(struct look_ios *ios, struct look_table *t, int fd, struct look_io *io,
		    bool cloexec, const struct deja_event *ev);
void look_table_clear(struct look_ios *ios, struct look_table *t, int fd,
		      const struct deja_event *ev);
/* As the call close does: what is owed first. */
void look_table_close(struct look_ios *ios, struct look_table *t, int fd,
		      const struct deja_event *ev);
/* Closes first ... last; only marks them when `mark` is set. */
void look_table_close_range(struct look_ios *ios, struct look_table *t, unsigned first,
			    unsigned last, bool mark, const struct deja_event *ev);
void look_table_close_on_exec(struct look_ios *ios, struct look_table *t,
			      const struct deja_event *ev);
/* *to becomes a copy; what it held must be gone. */
void look_table_copy(struct look_ios *ios, struct look_table *to, const struct look_table *from);
void look_table_drop(struct look_ios *ios, struct look_table *t, const struct deja_event *ev);

/* --- tracker.c --- */

struct look_process {
	struct look_table table;
	uint32_t stream;
	int32_t pid;
	int64_t tid;
	uint64_t event;
	int32_t *tids; /* its threads, by number */
	size_t tid_count, tid_cap;
	int role; /* of the next call, from OUTPUT */
	uint64_t moved; /* bytes of the next call's that MOVED events had */
	char address[160]; /* of the connection that the next call makes, from ADDRESS; or empty */
	bool address_of_peer;
};

/* A table that waits for its owner: a vfork child in its parent's stream, a forked child whose
 * first event is to come, the image that an exec begins in a stream of its own. */
struct look_waiting {
	uint32_t stream; /* vfork child: the parent's; else the owner's */
	int64_t tid;	 /* vfork child's; else 0 */
	uint32_t from_stream; /* exec: who made it */
	int64_t from_tid;
	struct look_table table;
};

/* Descriptors sent over a socket and not yet received. */
struct look_rights {
	struct look_io *io;
	uint32_t peer_id; /* of the socket that receives them; 0: not recorded */
};

/* When a process ends. */
struct look_end {
	int64_t end_ns;
	uint32_t stream;
};

struct deja_tracker {
	deja_recording *rec;
	struct look_ios ios;
	struct look_process **processes; /* by stream */
	size_t process_count, process_cap;
	struct look_process *latest; /* of the last event */
	struct look_waiting *waiting;
	size_t waiting_count, waiting_cap;
	struct look_rights rights[LOOK_RIGHTS_MAX];
	size_t rights_count;
	struct look_end *ends; /* of processes whose end the header knows, by time */
	size_t end_count, end_next;
	uint64_t turn_count;	/* before the last event */
	uint64_t turn_new;	/* that the last event began */
	bool turn_line_begun;	/* its io's line_begun before it */
	const struct deja_leg *turn_leg;
	size_t turn_index, turn_at; /* where the last question ended */
	bool no_memory;
	struct deja_process_view view;
};

/* The table that the event's call works on. */
struct look_table *look_table_of(deja_tracker *t, const struct deja_event *ev);

/* descriptors.c: applies a call; sight->io, fd and other are set. */
void look_apply_call(deja_tracker *t, struct look_table *table, const struct deja_event *ev,
		     struct deja_sight *sight);
/* transfer.c: fills the legs and counts them. */
void look_apply_transfer(deja_tracker *t, struct look_table *table,
			 const struct deja_event *ev, struct deja_sight *sight);
void look_apply_moved(deja_tracker *t, struct look_table *table, const struct deja_event *ev,
		      struct deja_sight *sight);
/* turns.c: counts those that the event begins. */
void look_apply_turns(deja_tracker *t, const struct deja_event *ev, struct deja_sight *sight);

/* io.c. The event's item of this argument and direction, when its bytes are there; else NULL. */
const struct deja_item *look_item(const struct deja_event *ev, unsigned arg, bool inbound);
/* The number of the call, -1 for other events. */
static inline int look_nr(const struct deja_event *ev)
{
	const struct tf_call *call = tf_call_by_id(ev->id);

	return call ? call->nr : -1;
}

#endif
