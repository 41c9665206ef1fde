/*
 * A live session: the shared memory and private directory between the supervisor and the
 * processes of a recorded or replayed tree (preload/session.h is the layout).
 */
#ifndef DEJA_TOOLS_SESSION_H
#define DEJA_TOOLS_SESSION_H

#include <stdbool.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include "preload/session.h"

struct live_session {
	char dir[SESSION_DIR_LEN + 1];
	struct session *shared;
	int outlet[2]; /* recording: where external children's stdout and stderr are read;
			* else -1 */
	int outlet_end[2]; /* of a terminal: the end that they write to; else -1 */
	int lock;	   /* of the arena: free when this process is gone */
	bool no_room;	   /* it could not be made: this machine does not give what it needs */
};

/* --- outlet.c --- */
/* Makes the outlets. False: errno tells. */
bool outlets_open(struct live_session *s);
void outlets_close(struct live_session *s);

/* --- session.c --- */
/* The recording's time zero. Called first, so that measuring the clock's rate costs no time
 * of its own. */
void session_clock_begin(void);
/* Makes directory, arena and the link to the runtime object of this mode. False after
 * printing why not. */
bool session_create(struct live_session *s, enum session_mode mode);
/* Whether this kernel has Syscall User Dispatch and lets us use it. */
bool session_can_dispatch(void);
/* Says that file or memory `what` of a session could not be made for `error`, an errno, and for a
 * full /dev/shm what to do. */
void session_cannot_hold(const char *what, int error);
/* Unmaps, and removes the directory with all it holds. */
void session_destroy(struct live_session *s);
/* Gives another user access to the session, whose processes become that user. */
void session_let_in(const struct live_session *s, uid_t uid);
/* Whether this process exists and has not ended (one that nobody has waited for yet has). */
bool session_pid_lives(pid_t pid);
/* Whether a process maps the arena that is open, for reading alone, at fd. *known: false where this kernel
 * does not tell. */
bool session_is_mapped(int fd, bool *known);
/* The pid namespace that we are in. */
uint64_t session_pid_namespace(void);
/* As session_destroy; `keep`: the directory stays, for programs that are just being executed need the
 * runtime in it. Whoever makes the next session removes it. */
void session_close(struct live_session *s, bool keep);
/* Says so and returns true when this process is itself recorded or replayed: the two runtimes
 * cannot share one process. */
bool session_is_nested(void);
/* The slot for the recorded command, stream 1. */
struct slot *session_root_slot(struct live_session *s);

/*
 * Starts path with argv and envp under the runtime, as slot 0. stack_limit: bytes, 0 to
 * leave it. cwd: NULL to stay. in_null: standard input from /dev/null. Returns the pid, or
 * -1 with *exec_errno set when exec failed (0: something else, printed).
 */
struct launch {
	const char *path;
	char *const *argv;
	char *const *envp;
	const char *cwd;
	unsigned long stack_limit;
	bool in_null;
	int out_fd[2]; /* stdout, stderr; 0: as they are */
	struct sandbox *sandbox; /* entered by the new process; NULL: none */
	bool xfsz_default; /* SIGXFSZ, which we ignore, is not to be ignored */
	const struct rlimit *files; /* its RLIMIT_NOFILE; NULL: as it is */
	const sigset_t *mask; /* signals the command begins with blocked; NULL: as they are */
	const struct itimerval *timers; /* the command's ITIMER_REAL, _VIRTUAL, _PROF; or NULL */
};
pid_t session_launch(struct live_session *s, const struct launch *launch, int *exec_errno);

/* Waits for the doorbell or at most timeout_ms. `seen` is its value read before looking at
 * the slots. */
void session_wait(struct live_session *s, uint32_t seen, int timeout_ms);
void session_wake(uint32_t *futex);

/* Ends the calling process as `status` (from wait(2)) says: exits, or dies by the same
 * signal without a core file. */
void session_end_as(int status) __attribute__((noreturn));

#endif
