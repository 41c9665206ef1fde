/*
 * libdeja: looking into a recording. Public header, on top of deja.h.
 *
 *   moments and ranges   one syntax for all commands: 2s, 00:01.200, +100ms, #1234, 1s..2s
 *   I/O streams          every connection, file, pipe, terminal: what a descriptor is at
 *                        each event, the bytes each way, which event carried which byte
 *   filters              by call, class, process, descriptor, peer, path, result, time
 *   turns                the requests that came in
 *   the state at a moment
 *   annotations          kept beside the trace, which they never change
 *
 * Most callers want deja_look_open and deja_look_next: events that pass a filter, each with
 * what is known of its descriptor. Nothing here trusts the recording. Memory grows with
 * what is open at one moment (descriptors, processes), never with the number of events.
 * Objects are not thread-safe. Functions that return int give 0, or -1 with *err (which may
 * be NULL), unless they say otherwise.
 */
#ifndef DEJA_LOOK_H
#define DEJA_LOOK_H

#include "deja.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- moments and ranges ------------------------------------------------------------- */

/*
 * A moment:
 *   2s  1.5s  300ms  20us  7ns  2min  1h      since the recording's start
 *   00:01.200  1:02:03.5                      [hours:]minutes:seconds
 *   +100ms                                    later than the moment before (a range's
 *                                             begin, a command's --from; else the start)
 *   2026-11-20T19:00:01.5Z  ...+01:00         ISO 8601; without zone: local time
 *   start  end
 *   #12                                       event 12 of the recorded command
 *   4711#12  p3#12                            of process 4711; of stream 3
 * A range is FROM..TO, FROM.. or ..TO, both ends included; one moment alone is an event, or a
 * range of no length.
 */
struct deja_when {
	int64_t time_ns;  /* since the start; an event's: when it completed */
	uint32_t stream;  /* an event's; 0: the moment is a time */
	uint64_t number;  /* an event's, within its stream */
};

struct deja_range {
	bool has_from, has_to; /* false: open ended */
	struct deja_when from, to;
};

/* `base`: what + counts from, NULL: the start. An event is looked up, for its time.
 * DEJA_E_RANGE with one line that quotes the text when it is no moment, or names none. */
DEJA_API int deja_when_parse(deja_recording *rec, const char *text,
			     const struct deja_when *base, struct deja_when *when,
			     struct deja_error *err);
DEJA_API int deja_range_parse(deja_recording *rec, const char *text,
			      struct deja_range *range, struct deja_error *err);
/* A length of time: 100ms, 2s, 1:30. Not negative. */
DEJA_API int deja_duration_parse(const char *text, int64_t *ns, struct deja_error *err);
/* Whether the event lies in the range: by number in the stream of an end that is an event, by
 * time of completion otherwise. Constant time. */
DEJA_API bool deja_range_has(const struct deja_range *range, const struct deja_event *ev);
/* -1, 0, 1: the event lies before, in, behind the range. */
DEJA_API int deja_range_compare(const struct deja_range *range, const struct deja_event *ev);

/* --- classes of calls --------------------------------------------------------------- */

enum deja_class {
	DEJA_CLASS_NET = 1 << 0,     /* sockets */
	DEJA_CLASS_FILE = 1 << 1,    /* calls that take a path */
	DEJA_CLASS_DESC = 1 << 2,    /* calls that take or give a descriptor */
	DEJA_CLASS_TIME = 1 << 3,    /* clocks, timers, sleeping */
	DEJA_CLASS_PROCESS = 1 << 4, /* fork, exec, exit, wait, threads, ids */
	DEJA_CLASS_SIGNAL = 1 << 5,
	DEJA_CLASS_MEMORY = 1 << 6,
	DEJA_CLASS_IPC = 1 << 7, /* System V, POSIX queues, futexes */
};

/* Whether an event is a call that failed: -errno is its result. One that was interrupted before any effect,
 * to be made again, has not. */
DEJA_API bool deja_event_failed(const struct deja_event *ev);
/* The classes of an event's id, calls or not; 0: none of them. Static data. */
DEJA_API unsigned deja_event_classes(unsigned id);
/* "net"; NULL when bit is no class. */
DEJA_API const char *deja_class_name(unsigned bit);
/* The class of this name, 0 when there is none. */
DEJA_API unsigned deja_class_by_name(const char *name);

/* --- I/O streams -------------------------------------------------------------------- */

enum deja_io_kind {
	DEJA_IO_UNKNOWN = 0, /* inherited or received, and nothing told yet what it is */
	DEJA_IO_FILE,
	DEJA_IO_DIRECTORY,
	DEJA_IO_PIPE,	/* a pipe (both its ends) or FIFO */
	DEJA_IO_SOCKET, /* one end of a connection, a datagram or a listening socket */
	DEJA_IO_TERMINAL,
	DEJA_IO_DEVICE,
	DEJA_IO_EPOLL,
	DEJA_IO_EVENTFD,
	DEJA_IO_TIMERFD,
	DEJA_IO_SIGNALFD,
	DEJA_IO_INOTIFY,
	DEJA_IO_MEMFD,
	DEJA_IO_PIDFD,
	DEJA_IO_QUEUE, /* POSIX message queue */
	DEJA_IO_OTHER,
};

/*
 * What a descriptor refers to, from its opening to the closing of its last duplicate in any
 * recorded process: an open file, one end of a connection, a pipe with both ends. Ids are
 * given in the order of opening in the merged recording, from 1; the same recording has the
 * same ids for everybody who reads it from its beginning.
 */
struct deja_io {
	uint32_t id;
	enum deja_io_kind kind;
	bool inherited;		/* it was open before the recording */
	bool accepted;		/* a connection that came in */
	bool connected, listening;
	bool is_standard_input; /* what the recorded command had as descriptor 0 */
	int role;	        /* 0, or 1, 2: it is the recording's stdout, stderr */
	const char *path;	/* absolute, where known; a name for other kinds: "pipe" */
	int family, type;	/* sockets: AF_, SOCK_ without flags; else 0 */
	const char *local, *peer; /* sockets: "127.0.0.1:80", "[::1]:80", "unix:/run/x"; NULL */
	uint32_t pair_id;	/* the other end, where that is recorded too; else 0 */
	int64_t open_ns, close_ns; /* close_ns: -1 while open */
	uint32_t stream;	/* process stream that opened it */
	uint64_t open_event;	/* its event; 0: inherited, or before */
	uint32_t close_stream;
	uint64_t close_event;	/* 0: not closed by a call */
	int32_t pid;
	int fd;			/* as first opened */
	uint64_t in_len, out_len; /* bytes that calls carried in and out */
	uint64_t in_count, out_count; /* calls that carried some */
	uint64_t error_count;	/* calls on it that failed, EAGAIN not counted */
	int last_errno;
	int64_t in_ns, out_ns;	/* time of the last byte in and out; -1: none */
	bool pending;		/* bytes came in, and none went out since */
	uint64_t turn_count;	/* see turns */
};

/* "file", "socket" ...; static. */
DEJA_API const char *deja_io_kind_name(enum deja_io_kind kind);
/* What it is, for people: "/etc/hosts", "127.0.0.1:34 -> 127.0.0.1:80", "pipe". Returns buf. */
DEJA_API const char *deja_io_text(const struct deja_io *io, char *buf, size_t len);

/* Bytes that one event carried through one I/O stream. */
struct deja_leg {
	const struct deja_io *io;
	bool inbound;
	uint64_t offset; /* of the first byte, in this stream and direction */
	uint64_t len;
	bool stored;	 /* false: the recording has a digest or only the length */
};

enum { DEJA_LEG_MAX = 2 };

/* What is known of an event beyond itself. Valid until the next event is fed. */
struct deja_sight {
	unsigned classes;
	int fd;			   /* the call's descriptor, -1: none */
	const struct deja_io *io;    /* what that is; NULL: none, or not known */
	const struct deja_io *other; /* a second one: what the call opened, sendfile's input */
	unsigned moved_by; /* a MOVED event: the call's id; the legs are that call's. Else 0 */
	size_t leg_count;
	struct deja_leg leg[DEJA_LEG_MAX];
};

typedef struct deja_tracker deja_tracker;

/* Follows descriptors through all processes of the recording. Events are fed in the order of
 * a merged cursor, from its beginning and without gaps. Ids depend on it. NULL on failure. */
DEJA_API deja_tracker *deja_tracker_new(deja_recording *rec, struct deja_error *err);
DEJA_API void deja_tracker_free(deja_tracker *t);
DEJA_API int deja_tracker_feed(deja_tracker *t, const struct deja_event *ev,
			       struct deja_sight *sight, struct deja_error *err);
/* Called for each I/O stream when it is closed, before it is forgotten. */
typedef void deja_io_watch(void *arg, const struct deja_io *io);
DEJA_API void deja_tracker_on_close(deja_tracker *t, deja_io_watch *watch, void *arg);
/* Gives the watch what is still open, in the order of ids, with close_ns -1. */
DEJA_API void deja_tracker_each_open(deja_tracker *t, deja_io_watch *watch, void *arg);
/* How many descriptors could not be followed because too many were open at once. */
DEJA_API uint64_t deja_tracker_lost(const deja_tracker *t);

/* A process as the tracker knows it now. */
struct deja_process_view {
	uint32_t stream;
	int32_t pid;
	int64_t tid;	 /* the thread that made the last event */
	const char *cwd; /* NULL: not known */
	uint64_t event;  /* number of the last event */
	size_t fd_count;
};
/* One of its descriptors. */
struct deja_fd_view {
	int fd;
	bool cloexec;
	const struct deja_io *io;
};
/* Processes that run now, by stream; descriptors of one of them, by number. NULL behind the
 * last. Valid until the next event is fed. */
DEJA_API const struct deja_process_view *deja_tracker_process(deja_tracker *t, size_t index);
DEJA_API bool deja_tracker_fd(deja_tracker *t, uint32_t stream, size_t index,
			      struct deja_fd_view *fd);
/* The absolute form of path argument `arg` (0 ... 5) of this event, by the directory it counts
 * from. Called after the event was fed. False: no path there. A path too long is cut. */
DEJA_API bool deja_tracker_path(deja_tracker *t, const struct deja_event *ev, unsigned arg,
				char *buf, size_t len);

/* The bytes of a leg, piece by piece; most have one, recvmmsg and sendmmsg many. The bytes
 * are the event's. */
struct deja_payload {
	const uint8_t *at, *end; /* private, all of it */
	uint64_t left;
	uint32_t count;
	int rule;
};
DEJA_API void deja_payload_begin(struct deja_payload *p, const struct deja_event *ev,
				 const struct deja_leg *leg);
/* False behind the last piece, and at once when leg->stored is false. */
DEJA_API bool deja_payload_next(struct deja_payload *p, struct deja_bytes *piece);

/*
 * The bytes of one direction of one I/O stream put together, and which event brought each:
 * for what looks across the boundaries of calls. Holds what was appended and not dropped.
 */
typedef struct deja_assembly deja_assembly;
struct deja_origin {
	uint32_t stream; /* process stream */
	uint64_t number; /* event */
	int64_t time_ns;
	int32_t pid;
	uint64_t offset; /* in the direction, of the event's first byte */
	uint64_t len;
};
DEJA_API deja_assembly *deja_assembly_new(void);
DEJA_API void deja_assembly_free(deja_assembly *a);
/* Appends a leg. What is not stored appends as `gap` events without bytes: the offsets go on. */
DEJA_API int deja_assembly_add(deja_assembly *a, const struct deja_event *ev,
			       const struct deja_leg *leg, struct deja_error *err);
/* The bytes held; *offset: where the first stands in the direction. */
DEJA_API struct deja_bytes deja_assembly_bytes(const deja_assembly *a, uint64_t *offset);
/* Forgets everything before `offset`. */
DEJA_API void deja_assembly_drop(deja_assembly *a, uint64_t offset);
/* The event that carried the byte at `offset`; false when it is not held. */
DEJA_API bool deja_assembly_origin(const deja_assembly *a, uint64_t offset,
				   struct deja_origin *origin);

/* --- filters ------------------------------------------------------------------------ */

typedef struct deja_filter deja_filter;

/* rec NULL: only to check values, as far as that is possible without a recording. */
DEJA_API deja_filter *deja_filter_new(deja_recording *rec);
DEJA_API void deja_filter_free(deja_filter *f);
/*
 * Adds a condition; an event passes when it meets one value of every key that was added.
 * A list may begin with `!`: then none of its values may be met.
 *   call    openat,read      names of system calls, or kinds of other events (signal, image)
 *   class   net,file,...     enum deja_class
 *   pid     4711,4712        tid likewise; process: numbers of streams
 *   fd      3,5              the descriptor that the call takes
 *   io      12,13            ids of I/O streams
 *   peer    10.0.0.1:80      text in the peer's address; * and ? as in a shell match all of it
 *   path    /etc/host?       text in a path argument, or in the path of the call's descriptor
 *   result  0  >=4096  ok  error      <, <=, >, >=, =
 *   errno   ENOENT,11  any
 *   range   1s..2s           see above; not a list
 */
DEJA_API int deja_filter_add(deja_filter *f, const char *key, const char *value,
			     struct deja_error *err);
/* Whether the filter looks at descriptors, so that a tracker is needed to apply it. */
DEJA_API bool deja_filter_needs_tracker(const deja_filter *f);
/* t and sight: of this event; NULL when the filter needs no tracker. */
DEJA_API bool deja_filter_match(const deja_filter *f, const struct deja_event *ev,
				deja_tracker *t, const struct deja_sight *sight);

/* --- events with all that -------------------------------------------------------------- */

typedef struct deja_look deja_look;

enum { DEJA_LOOK_TRACK = 1 }; /* sights are wanted, whatever the filter needs */

/* Events in merged order. filter: NULL, or what outlives it. Reads no more of the recording
 * than needed: without tracking it seeks to the range and reads only the streams asked for. */
DEJA_API deja_look *deja_look_open(deja_recording *rec, const deja_filter *filter,
				   unsigned flags, struct deja_error *err);
DEJA_API void deja_look_close(deja_look *l);
/* As deja_next; sight may be NULL. Without tracking only sight->classes is filled. */
DEJA_API int deja_look_next(deja_look *l, struct deja_event *ev, struct deja_sight *sight,
			    struct deja_error *err);
/* NULL when nothing is tracked. */
DEJA_API deja_tracker *deja_look_tracker(deja_look *l);
/* Events read so far, those that did not pass included. */
DEJA_API uint64_t deja_look_read_count(const deja_look *l);

/* --- turns ------------------------------------------------------------------------------ */

enum deja_turn_kind {
	DEJA_TURN_REQUEST = 1, /* first bytes in, after bytes out, of an accepted connection */
	DEJA_TURN_LINE,	       /* a line of a terminal or of the standard input begins */
};

struct deja_turn {
	uint64_t number; /* from 1 */
	enum deja_turn_kind kind;
	const struct deja_io *io;
	uint32_t stream; /* the event that brought its first byte */
	uint64_t event;
	int32_t pid, tid;
	int64_t time_ns;
	uint64_t offset;	/* of the first byte in the stream's input */
	struct deja_bytes head; /* its first bytes, as far as this event brought them */
};

/* The turns that the event fed last began: *index 0 for the first; raised by every call, which
 * is false behind the last. */
DEJA_API bool deja_tracker_turn(deja_tracker *t, const struct deja_event *ev,
				const struct deja_sight *sight, size_t *index,
				struct deja_turn *turn);
DEJA_API uint64_t deja_tracker_turn_count(const deja_tracker *t);

/* --- the state at a moment ------------------------------------------------------------- */

enum { DEJA_MESSAGE_MAX = 8, DEJA_MESSAGE_LEN = 64 };

struct deja_thread_state {
	uint32_t stream;
	int32_t pid, tid;
	unsigned id;	  /* of the call it is in; 0: it runs program code, or is not known */
	int64_t since_ns; /* when it entered it */
	uint64_t event;	  /* the event that the call becomes when it completes */
};

/* Bytes that one event carried. */
struct deja_message {
	uint32_t io_id;	 /* struct deja_io's */
	bool inbound;
	uint32_t stream; /* of the event, and its number */
	uint64_t event;
	int64_t time_ns;
	uint64_t len;	 /* bytes in all */
	size_t head_len; /* bytes of them in head; 0: the recording does not hold them */
	uint8_t head[DEJA_MESSAGE_LEN];
};

struct deja_state {
	struct deja_when when;
	uint64_t event_count; /* events up to it, of all processes */
	uint64_t in_len, out_len; /* bytes so far, through all I/O streams */
	uint64_t turn_count;
	size_t thread_count;
	struct deja_thread_state *thread; /* by pid and tid; threads that live then */
	size_t message_count;
	struct deja_message message[DEJA_MESSAGE_MAX]; /* the last, oldest first */
	deja_tracker *tracker; /* as it is then: processes, descriptors, their counts */
};

/* The state after the last event that completed at or before the moment; for an event: after
 * it. Reads the recording from its beginning. NULL on failure. */
DEJA_API struct deja_state *deja_state_at(deja_recording *rec, const struct deja_when *when,
					  struct deja_error *err);
DEJA_API void deja_state_free(struct deja_state *s);
/* Whether bytes came in on this connection that nothing has answered: a request in flight. */
DEJA_API bool deja_io_in_flight(const struct deja_io *io);

/* --- annotations ------------------------------------------------------------------------ */

enum deja_note_kind { DEJA_NOTE_COMMENT = 1, DEJA_NOTE_LABEL, DEJA_NOTE_FLAG, DEJA_NOTE_SCORE };

enum deja_note_target {
	DEJA_NOTE_RECORDING = 1,
	DEJA_NOTE_RANGE, /* range */
	DEJA_NOTE_EVENT, /* range.from */
	DEJA_NOTE_IO,	 /* io_id */
};

struct deja_note {
	uint32_t id;	  /* from 1, never given again */
	uint32_t version; /* from 1, + 1 by every edit */
	enum deja_note_kind kind;
	enum deja_note_target target;
	struct deja_range range;
	uint32_t io_id;
	const char *text;   /* comment, label, name of the flag or score */
	double score;	    /* scores only */
	const char *author;
	int64_t realtime_ns; /* of this version, since 1970 */
	bool deleted;
};

typedef struct deja_notes deja_notes;

/* Reads the annotations of the recording at `path`: PATH/annotations, or PATH.annotations for a
 * packed file. None yet is no error. The trace's own files are neither read nor written. */
DEJA_API deja_notes *deja_notes_open(const char *path, struct deja_error *err);
/* The same; `packed`: those that are in a packed file, where its directory has been unpacked to
 * (DIRECTORY/annotations). They count until there is a file beside it, which begins as their copy. */
DEJA_API deja_notes *deja_notes_open_packed(const char *path, const char *packed, struct deja_error *err);
DEJA_API void deja_notes_close(deja_notes *n);
/* The annotations as they are now, by id; deleted ones are left out. */
DEJA_API size_t deja_notes_count(const deja_notes *n);
DEJA_API const struct deja_note *deja_notes_at(const deja_notes *n, size_t index);
DEJA_API const struct deja_note *deja_notes_by_id(const deja_notes *n, uint32_t id);
/* Every version that was ever written, in the order of writing. */
DEJA_API size_t deja_notes_history_count(const deja_notes *n);
DEJA_API const struct deja_note *deja_notes_history_at(const deja_notes *n, size_t index);
/* Writes a note. id 0: a new one, its id goes to *id; else a new version of that one, or its
 * deletion. realtime_ns 0: now; author NULL or empty: the user's name. Texts are copied. */
DEJA_API int deja_notes_put(deja_notes *n, const struct deja_note *note, uint32_t *id,
			    struct deja_error *err);
/* Whether a note on a range, event or I/O stream is about this event. */
DEJA_API bool deja_note_covers(const struct deja_note *note, const struct deja_event *ev,
			       const struct deja_sight *sight);

#ifdef __cplusplus
}
#endif
#endif
