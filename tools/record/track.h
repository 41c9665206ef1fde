/*
 * What the supervisor knows of the processes it records. Shared by supervisor.c, which moves
 * their events, track.c, which reads in passing what the header will tell of them, request.c,
 * which answers them, and external.c, which has what unrecorded children write.
 */
#ifndef DEJA_TOOLS_TRACK_H
#define DEJA_TOOLS_TRACK_H

#include "tools/record/living.h"
#include "tools/record/load.h"
#include "tools/record/supervisor.h"
#include "tracefmt/stream.h"

/* One process stream being written. */
struct track {
	struct supervisor *sv;
	uint32_t stream, parent;
	int32_t pid, ppid;
	pid_t live_pid; /* as we know it; 0: not looked up yet */
	int pidfd;     /* -1: not opened yet; -2: cannot be watched */
	int slot;      /* -1: ended */
	tf_writer *writer;
	bool failed;   /* its stream could not be written */
	bool stopped;  /* recording stopped before it ended */
	bool exited;   /* its end was seen, and nothing after it */
	struct living living;
	int status;    /* as wait(2), when status_known */
	bool status_known;
	int64_t start_ns, end_ns;
	bool begun; /* its first event was seen */
	int64_t looked_ns; /* when it was last seen alive */
	int64_t outlived_since_ns; /* its process was gone, and others wrote its stream */
	int64_t orphaned_ns; /* when those were last looked at; 0: never */
	int64_t unseen_since_ns; /* when it was first looked for in vain; 0: never */
	uint64_t event_count, byte_len;
	uint64_t taken;	      /* bytes moved out of the ring */
	uint64_t flushed_len; /* of byte_len, in whole frames */
	uint64_t domain_turn[DOMAIN_COUNT]; /* the last ones in its stream */
	bool died_in_turn;
	char **argv;
	size_t argc;
	char **notes;
	size_t note_count;
};

struct pending_exec {
	uint32_t stream, from; /* the image's, and who made the call */
	int pid;
	char *path;
};

struct supervisor {
	struct live_session *session;
	const char *dir;
	const struct sealed *sealed; /* or NULL */
	struct store *store;
	struct load load;
	tf_pool *pool; /* of what the streams have; or NULL */
	bool settled;  /* a long recording: its memory is all there */
	bool has_references; /* some stream that has ended */
	struct deja_header *header;
	struct track **tracks; /* by stream - 1 */
	size_t track_count;
	int slot_track[SLOT_COUNT]; /* stream of each slot, 0: none */
	int64_t orphan_since_ns[SLOT_COUNT]; /* claimed, and the claimer is gone */
	struct pending_exec *execs; /* whose image has not begun */
	size_t exec_count;
	tf_writer *external;
	struct deja_external *externals;
	size_t external_count;
	bool told_outside[SHADOW_COUNT]; /* by shadow */
	size_t externals_told;   /* different programs that a warning named */
	size_t externals_untold; /* executions of others */
	char **warnings;
	size_t warning_count;
	struct supervisor_limits limits;
	uint64_t ended_len; /* bytes on disk of the streams of ended processes */
	uint64_t files_len; /* and of the first files_counted stored files */
	size_t files_counted;
	bool closed;	    /* the recording has ended; processes may go on */
	bool written;	    /* its header has */
	char cause[256];    /* why, when not with the last process */
	int64_t flushed_ns;   /* when */
	size_t files_written; /* stored files in the index on disk */
	size_t files_noted;   /* and in the notes for recover.c */
	pid_t root;
	int root_status;
	bool root_ended;
	int asked_to_end; /* the signal that did; 0: none */
	int64_t asked_ns;
};

/* A stream's file, of this name; NULL with *err. */
tf_writer *supervisor_open_stream(struct supervisor *sv, const char *name, uint32_t stream,
				  struct deja_error *err);
/* A warning: on stderr now, in the header at the end. */
void supervisor_warn(struct supervisor *sv, const char *text);
/* The recording ends here, for this reason, which is said. The streams end with the next turn of the loop. */
void supervisor_end(struct supervisor *sv, const struct deja_error *err);
/* Since the recording's start. */
int64_t supervisor_now_ns(struct supervisor *sv);
/* The pid here of the process that writes to this slot; 0: it is not seen among the processes, as
 * in the middle of an exec. *possible: one is there that may be it. */
pid_t track_live_pid(struct track *t, const struct slot *slot, bool *possible);
/* Answers what the process of the slot asks for (request.c). */
void request_answer(struct supervisor *sv, struct track *t, struct slot *slot);
/* Passes on and records what unrecorded children wrote (external.c). False: nothing was there. */
bool external_look(struct supervisor *sv);
/* What the header tells of the processes; h->processes and what is in it lives as long as *sv. */
void track_fill_header(struct supervisor *sv, struct deja_header *h);
/* A tf_writer_watch; arg: the stream's track. */
void track_see_event(void *arg, unsigned id, const uint8_t *ev, size_t len);
/* At the end: who died while it ran and others shared its memory. */
void track_tell_died_in_turn(struct supervisor *sv);
/* At the end: which executed images never came up under the runtime, and how many further ones could not
 * be preloaded. */
void track_tell_unrecorded(struct supervisor *sv);

#endif
