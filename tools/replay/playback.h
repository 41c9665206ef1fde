/*
 * Playing a recording: the session, the recorded command started in it, and the judgement
 * whether everything matched. `deja replay` and `deja verify` do these steps one after the
 * other; who wants to stand in between (a debugger) calls them by himself:
 *
 *	playback_open, playback_begin, playback_launch, playback_watch, playback_judge,
 *	playback_end
 */
#ifndef DEJA_TOOLS_PLAYBACK_H
#define DEJA_TOOLS_PLAYBACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "tools/replay/sandbox.h"
#include "tools/session.h"
#include "tools/replay/terminal.h"
#include "tools/replay/unpack.h"
#include "tracefmt/deja.h"

/* What is known of one stream of the recording. */
struct stream_state {
	uint32_t stream;
	const struct deja_process *process;
	uint64_t len;	 /* bytes, unpacked */
	bool truncated;	 /* ends without its last event */
	bool started;	 /* a process of the replay took it up */
	bool done;	 /* everything was consumed */
	bool cut;	 /* a call was made where the stream has no more */
	bool stopped;	 /* recording stopped before the process ended */
	bool last_exited; /* it ended with the exit of its last thread */
	int64_t idle_since_ns; /* nothing consumed since then, and still running */
	uint64_t idle_consumed; /* where it stood then, in bytes */
	bool idle_asked; /* and other events than the recording's end follow */
	uint64_t served; /* events */
};

/*
 * A playback for a debugger: one process waits at its beginning until it is traced, nobody is
 * in a hurry, and one that diverges stays for the debugger to look at.
 */
struct playback_hold {
	uint32_t stream; /* whose process waits */
	uint64_t event;	 /* the first event of the image or forked child that waits */
	int fd;		 /* a pipe, told a line each: "held PID", "diverged"; when nobody
			  * reads it any more, the playback ends */
};

struct playback {
	char *path;
	deja_recording *rec;
	const struct deja_header *header;
	struct live_session session;
	struct stream_state *streams;
	size_t stream_count;
	bool begun; /* playback_begin made the session */
	pid_t root;
	int root_status;
	bool root_ended;
	bool verify;
	bool raw;	   /* control sequences go to the terminal as they are */
	bool no_sandbox;
	bool verbose;	   /* says which layers of the sandbox are on */
	struct sandbox sandbox;
	bool sandboxed;
	struct terminal terminal;
	const char *report_path; /* a divergence is written there as JSON; or NULL */
	/* not NULL: outbound bytes may differ at the same length, and the streams go to this
	 * directory with what is sent now */
	const char *rederive_dir;
	uint64_t rederived; /* pieces that differed, after playback_end */
	int echo_error;	    /* errno of an output that could not be written, after playback_end */
	uint32_t diverged_stream; /* where the first difference was reported; 0: none */
	uint64_t diverged_event;
	const struct pace *pace; /* or NULL; set before playback_begin */
	struct pace_state *pace_state;
	bool paused_for_good; /* it ended at --until */
	const struct playback_hold *hold; /* or NULL; set before playback_begin */
	bool held_told, diverged_told;
	/* Called with every stack that a process has taken (session->stacks); or NULL. */
	void (*on_stack)(struct playback *p, struct slot *slot);
	void *stack_sink; /* on_stack's own */
	int pidfds[SLOT_COUNT];
	uint32_t slot_stream[SLOT_COUNT];
	struct unpacker unpacker;
	deja_cursor *external;
	bool external_left;
	uint64_t external_seq; /* of its next output; 0: not known yet */
	struct deja_event external_event;
};

/* Opens the recording that `arg` means (NULL: the latest) and lists its streams. Zero *p
 * before; set `verify` for a replay that does not echo. False after printing why not; *status is
 * then the exit status to give. */
bool playback_open(struct playback *p, const char *arg, int *status);
/* Makes the session and unpacks the beginnings of all streams: nothing runs yet. 0, or the
 * exit status to give after printing why. Interrupting signals are caught from here on. */
int playback_begin(struct playback *p);
/* Starts the recorded command (p->root). 0, or the exit status to give after printing why. */
int playback_launch(struct playback *p);
/* Until every process has ended. 0, or the exit status after reporting the divergence. */
int playback_watch(struct playback *p);
/* Everything consumed, everything as recorded? 0, or the exit status after the report. */
int playback_judge(struct playback *p);
/* Ends what still runs and removes the session. May be called after any of the steps. */
void playback_end(struct playback *p);
/* What is known of a stream, or NULL when the recording has none of that number. */
struct stream_state *playback_stream(struct playback *p, uint32_t stream);
/* Says what was left out of the recording. 0 when nothing was; else a part was replayed, and
 * this is the status to give. */
int playback_tell_limits(const struct playback *p);

#endif
