/*
 * libdeja: read a deja recording. Public header.
 *
 * A recording is a directory (FORMAT.md). The library trusts nothing it reads: every
 * length, count and reference is checked, and a damaged recording ends in an error,
 * never in undefined behaviour. Handles are not thread-safe; different handles may be
 * used by different threads. All times are nanoseconds since the recording's start, unless
 * said otherwise. Strings and byte pointers belong to the handle they came from; strings are
 * never NULL, but may be empty. Closing NULL does nothing. err may be NULL everywhere.
 */
#ifndef DEJA_H
#define DEJA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DEJA_API __attribute__((visibility("default")))

/* Pinned: numbers are never reused. */
enum deja_errno {
	DEJA_OK = 0,
	DEJA_E_SYSTEM = 1,    /* a system call failed; message has its errno text */
	DEJA_E_NOT_FOUND = 2, /* no such recording */
	DEJA_E_NOT_A_RECORDING = 3,
	DEJA_E_VERSION = 4,   /* made by a newer format */
	DEJA_E_HEADER = 5,    /* header damaged */
	DEJA_E_STREAM = 6,    /* frame or seek table damaged */
	DEJA_E_EVENT = 7,     /* an event does not decode */
	DEJA_E_TRUNCATED = 8, /* the stream ends before its seek table; what was read
				 so far is good */
	DEJA_E_RANGE = 9,     /* no such stream, event or time */
	DEJA_E_NO_MEMORY = 10,
	DEJA_E_FILE = 11,     /* a stored file is missing or does not match its hash */
};

struct deja_error {
	enum deja_errno code;
	char message[256]; /* one line, no newline */
};

/* The stream number of the external stream: what children that could not be preloaded
 * wrote to the recording's own output. Not a process. */
#define DEJA_STREAM_EXTERNAL 0xffffffffu

typedef struct deja_recording deja_recording;
typedef struct deja_cursor deja_cursor;

struct deja_bytes {
	const uint8_t *data;
	size_t len; /* bytes */
};

struct deja_process {
	uint32_t stream;  /* from 1 */
	uint32_t parent;  /* its parent's stream, 0 for the recorded command */
	int32_t pid, ppid; /* as the process saw them */
	int64_t start_ns;  /* not after its first event */
	int64_t end_ns;	   /* not before its last; 0 while it runs */
	uint64_t event_count;
	uint64_t byte_len; /* of its events, uncompressed */
	bool status_known;
	int status;    /* as wait(2) gives it */
	bool complete; /* false: it was killed or recording stopped before it ended */
	size_t argc;
	const char *const *argv; /* of its last image */
	size_t note_count;
	const char *const *notes; /* the recorder's remarks, a line each */
};

/* A child that could not be preloaded, and was not recorded. */
struct deja_external {
	int32_t pid;
	const char *path;   /* of its executable */
	const char *reason; /* why not, for people */
};

/* A stored file (FORMAT.md, 5). */
struct deja_file {
	uint32_t id;	  /* from 1 */
	const char *path; /* its name when it was mapped */
	const char *hash; /* 32 hex digits, XXH128: its content is RECORDING/f/HASH */
	uint64_t size;	  /* bytes */
	uint32_t mode;	  /* as st_mode */
	uint64_t dev, ino; /* when it was stored */
	int64_t mtime_ns; /* since 1970 */
	bool exact;	  /* false: it changed while it was being stored */
	uint32_t shadow;  /* the tree mapped it and could change it: the number that FILE and SHADOW
			     events have of it. 0: not so */
};

/* What is known of a recording as a whole (FORMAT.md, 2). */
struct deja_header {
	uint32_t format;     /* of the recording: 1, 2 */
	const char *id;	     /* 32 hex digits */
	const char *version; /* of the deja that recorded */
	size_t argc;
	const char *const *argv; /* the recorded command */
	const char *exe;	 /* resolved path of its executable */
	const char *cwd;	 /* its working directory at the start */
	const char *host, *kernel, *machine, *cpu; /* where; cpu: the model's name */
	const char *outbound; /* "full" or "digest": what is kept of the bytes sent out */
	const char *doors;    /* "dispatch" or "patch": how calls were caught */
	const char *stacks; /* which calls have their stack recorded; empty: none */
	int64_t start_realtime_ns; /* since 1970 */
	int64_t duration_ns; /* 0 while not complete */
	int64_t waited_ns; /* what the recorder added by being slower than the program */
	bool complete;	   /* everything was recorded, to the end of the last process */
	const char *cause; /* why it is not complete */
	const char *partial; /* not empty: it was trimmed so that it can be read and not
				replayed: what was left out */
	bool status_known;
	int status; /* as wait(2) gives it */
	uint64_t event_count, byte_len; /* of all processes; bytes uncompressed */
	uint32_t page_size; /* bytes */
	size_t process_count;
	const struct deja_process *processes;
	size_t external_count;
	const struct deja_external *externals;
	size_t warning_count;
	const char *const *warnings; /* a line each */
	const char *cpu_features; /* instruction sets, as Linux names them */
	size_t limit_count;
	const uint64_t (*limits)[2]; /* soft, hard; by RLIMIT_ number, UINT64_MAX: unlimited */
};

/* One captured piece of memory. */
struct deja_item {
	unsigned arg;	 /* which argument, 0..5 */
	bool inbound;	 /* the kernel wrote it; else it was read */
	bool present;	 /* false: NULL pointer or nothing captured */
	bool is_digest;	 /* `digest` instead of `bytes` */
	uint64_t digest; /* XXH64 */
	struct deja_bytes bytes; /* the item's bytes; for vectors and messages the raw
				    msgpack object (FORMAT.md, 4.4) */
};

enum { DEJA_ITEM_MAX = 12 };

struct deja_event {
	uint32_t stream;
	uint64_t number; /* within its stream, from 1 */
	unsigned id;	 /* what it is (FORMAT.md, 4): deja_call_name() names calls */
	int32_t pid, tid;
	int64_t time_ns; /* of completion */
	int64_t dur_ns;	 /* calls only */
	int64_t result;	 /* calls only */
	long args[6];	 /* calls: scalar arguments in their place, 0 for memory */
	size_t item_count; /* calls only */
	struct deja_item items[DEJA_ITEM_MAX];
	struct deja_bytes raw; /* the whole event as msgpack */
};

/* Opens a recording directory. NULL on failure, with *err filled. */
DEJA_API deja_recording *deja_open(const char *path, struct deja_error *err);
DEJA_API void deja_close(deja_recording *rec);
DEJA_API const struct deja_header *deja_header(const deja_recording *rec);
/* The stored files, by index from 0 or by id; NULL: there is none. */
DEJA_API size_t deja_file_count(const deja_recording *rec);
DEJA_API const struct deja_file *deja_file_at(const deja_recording *rec, size_t index);
DEJA_API const struct deja_file *deja_file_by_id(const deja_recording *rec, uint32_t id);

/* The numbers of the process streams that are there, rising; DEJA_STREAM_EXTERNAL among them when
 * there is one. A recording that is being made may get more. deja_stream_at: 0 behind the last. */
DEJA_API size_t deja_stream_count(const deja_recording *rec);
DEJA_API uint32_t deja_stream_at(const deja_recording *rec, size_t index);

/* A cursor over one stream, or over all of them merged by time when stream is 0.
 * NULL on failure. The recording must outlive it. */
DEJA_API deja_cursor *deja_cursor_open(deja_recording *rec, uint32_t stream,
				       struct deja_error *err);
DEJA_API void deja_cursor_close(deja_cursor *cur);
/* The next event: 1, 0 at the end, -1 with *err on failure. *ev is valid until the
 * next call on this cursor. A truncated stream gives its events, then
 * DEJA_E_TRUNCATED once. After a failure the stream has ended for this cursor (a seek
 * may go behind the damage); a merged cursor goes on with the other streams. */
DEJA_API int deja_next(deja_cursor *cur, struct deja_event *ev, struct deja_error *err);
/* Positions before event `number` (from 1) / before the first event that completed at
 * or after time_ns. 0, or -1 with *err (DEJA_E_RANGE: there is none; the cursor is at
 * the end). O(log frames). Event numbers are a stream's: a merged cursor has none. */
DEJA_API int deja_seek_event(deja_cursor *cur, uint64_t number, struct deja_error *err);
DEJA_API int deja_seek_time(deja_cursor *cur, int64_t time_ns, struct deja_error *err);

/* The system call that an event's id stands for, static; NULL when it is none, or one that
 * this library does not know yet. */
DEJA_API const char *deja_call_name(unsigned id);
/* Text for a code, static. */
DEJA_API const char *deja_strerror(enum deja_errno code);

#ifdef __cplusplus
}
#endif
#endif
