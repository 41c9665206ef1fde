/*
 * See playback.h: unpack the streams into a session, start the recorded command under the
 * replaying runtime, and judge: every event of every stream matched, and the status as
 * recorded, or a report of the first difference.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/domains.h"
#include "tools/guests.h"
#include "tools/descendants.h"
#include "tools/replay/lost_output.h"
#include "tools/replay/pace.h"
#include "tools/replay/playback.h"
#include "tools/replay/playback_start.h"
#include "tools/replay/verdict.h"
#include "tools/replay/watchdog.h"
#include "tracefmt/header.h"
#include "tracefmt/wire.h"

enum {
	WAIT_MS = 20,
	KILLED_GRACE_NS = 300 * 1000 * 1000,
};

/* --- watching --- */

struct stream_state *playback_stream(struct playback *r, uint32_t stream)
{
	for (size_t i = 0; i < r->stream_count; i++)
		if (r->streams[i].stream == stream)
			return &r->streams[i];
	return NULL;
}

/* Takes the result of a slot whose process has ended, and frees it. */
static void slot_ended(struct playback *r, unsigned i, struct slot *slot)
{
	struct stream_state *s = playback_stream(r, slot->stream);

	if (s) {
		s->started = true;
		s->served = slot->event_no;
		s->done = (slot->finished && !slot->left) || slot->consumed >= s->len;
		s->cut = slot->finished == FINISHED_CUT;
		s->stopped = slot->finished == FINISHED_STOPPED;
		s->last_exited = slot->finished == FINISHED_LAST;
	}
	domains_pass_on(r->session.shared, slot->stream);
	if (r->pidfds[i] >= 0)
		close(r->pidfds[i]);
	r->pidfds[i] = -1;
	slot->stream = 0;
	__atomic_store_n(&slot->state, SLOT_FREE, __ATOMIC_SEQ_CST);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

/* Whether all that is left of the stream says that recording stopped there. */
static bool stops_here(struct playback *r, const struct slot *slot)
{
	struct deja_error err = {0};
	struct deja_event ev;
	deja_cursor *cur = deja_cursor_open(r->rec, slot->stream, &err);
	bool more = cur && !deja_seek_event(cur, slot->event_no + 1, &err), stops = false;

	while (more && !stops) {
		more = deja_next(cur, &ev, &err) > 0;
		stops = more && ev.id == TF_EV_END;
		more &= ev.id == TF_EV_THREAD;
	}
	if (cur)
		deja_cursor_close(cur);
	return stops;
}

/* One that was killed from outside while it computed, or that recording left there, makes no call
 * here that would end it: it may wait in a loop for another thread. Faults happen by themselves. */
static void end_as_killed(struct playback *r, struct slot *slot)
{
	struct stream_state *s = playback_stream(r, slot->stream);
	const struct deja_process *p = s ? s->process : NULL;
	int signo = p && p->status_known && WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;
	bool over = s && slot->consumed >= s->len;

	if (r->hold || !p || p->complete || s->truncated || slot->finished ||
	    (!over && (slot->waits_seq || slot->pacing)) ||
	    (over && (signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL ||
		      signo == SIGTRAP)))
		return;
	if (!s->idle_since_ns || s->idle_consumed != slot->consumed) {
		s->idle_since_ns = now_ns();
		s->idle_consumed = slot->consumed;
		s->idle_asked = false;
	}
	if (now_ns() - s->idle_since_ns < KILLED_GRACE_NS || s->idle_asked)
		return;
	if (!over && !stops_here(r, slot)) {
		s->idle_asked = true;
		return;
	}
	slot->finished = over ? FINISHED_CUT : FINISHED_STOPPED;
	if (descendants_has(slot->live_pid))
		kill(slot->live_pid, SIGKILL);
}

/* Is the process traced? */
static bool has_debugger(pid_t pid)
{
	char path[64], line[256];
	bool traced = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "TracerPid:", 10))
			traced = atoi(line + 10) > 0;
	if (f)
		fclose(f);
	return traced;
}

/* Who wanted the hold reads what it is told for as long as it lives. */
static bool holder_gone(const struct playback_hold *hold)
{
	struct pollfd p = {.fd = hold->fd};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLNVAL));
}

/* The process that waits for the debugger goes on when it has one (which then stops it). */
static void hold_look(struct playback *r, struct slot *slot)
{
	if (!r->held_told)
		dprintf(r->hold->fd, "held %d\n", (int)slot->live_pid);
	r->held_told = true;
	if (!has_debugger(slot->live_pid))
		return;
	__atomic_store_n(&slot->hold, HOLD_GONE_ON, __ATOMIC_SEQ_CST);
	session_wake(&slot->hold);
}

/* Looks at every slot. Returns how many processes are alive; *diverged: the slot of one
 * that diverged, or NULL. */
static unsigned look(struct playback *r, struct slot **diverged)
{
	unsigned alive = 0, used = r->session.shared->slots_used;

	for (unsigned i = 0; i < used && i < SLOT_COUNT; i++) {
		struct slot *slot = session_slot(r->session.shared, i);
		struct pollfd p = {.events = POLLIN};

		if (slot->state == SLOT_FREE || !slot->stream)
			continue;
		if (r->on_stack && slot->live_pid &&
		    __atomic_load_n(&slot_stack(slot)->full, __ATOMIC_SEQ_CST)) {
			r->on_stack(r, slot);
			__atomic_store_n(&slot_stack(slot)->full, 0, __ATOMIC_SEQ_CST);
			session_wake(&slot_stack(slot)->full);
		}
		if (slot->hold == HOLD_WAITS && r->hold)
			hold_look(r, slot);
		if (__atomic_load_n(&slot->divergence.set, __ATOMIC_SEQ_CST) &&
		    !r->diverged_told) {
			*diverged = slot;
			return 1;
		}
		if (!slot->live_pid) {
			alive++;
			continue;
		}
		if (r->slot_stream[i] != slot->stream) { /* the slot was taken anew */
			if (r->pidfds[i] >= 0)
				close(r->pidfds[i]);
			r->pidfds[i] = -1;
			r->slot_stream[i] = slot->stream;
		}
		if (r->pidfds[i] < 0)
			r->pidfds[i] = (int)syscall(SYS_pidfd_open, slot->live_pid, 0);
		p.fd = r->pidfds[i]; /* without one we look ourselves; a pending SIGCHLD fails poll */
		if (p.fd >= 0 ? poll(&p, 1, 0) != 1 : session_pid_lives(slot->live_pid)) {
			alive++;
			end_as_killed(r, slot);
		} else if ((!slot->finished || slot->left) && guests_live(r->session.shared, slot, false, NULL, NULL)) {
			alive++; /* it died of its own fault: what shares its memory goes on */
			__atomic_store_n(&slot->orphaned, 1, __ATOMIC_SEQ_CST);
		} else
			slot_ended(r, i, slot);
	}
	return alive;
}

static void end_all(struct playback *r)
{
	if (r->sandboxed)
		sandbox_freeze(&r->sandbox);
	if (!r->root_ended && r->root > 0) {
		kill(r->root, SIGKILL);
		waitpid(r->root, NULL, 0);
		r->root_ended = true;
	}
	/* one in the middle of exec would start without us once the session is gone */
	descendants_end();
}

/* Echoes what external children wrote, when its turn has come. */
static void external_turns(struct playback *r)
{
	struct session *shared = r->session.shared;
	struct deja_error err;

	while (r->external_left) {
		struct deja_event *ev = &r->external_event;
		uint64_t seq;
		int role;

		if (ev->id != TF_EV_OUTPUT) {
			r->external_left = deja_next(r->external, ev, &err) == 1;
			continue;
		}
		{
			struct tf_in in = {ev->raw.data, ev->raw.data + ev->raw.len, 0};

			tf_get_array(&in);
			tf_get_int(&in);
			seq = (uint64_t)tf_get_int(&in);
			role = (int)tf_get_int(&in);
		}
		r->external_seq = seq;
		if (__atomic_load_n(&shared->output_seq, __ATOMIC_SEQ_CST) + 1 < seq)
			return;
		r->external_seq = 0;
		r->external_left = deja_next(r->external, ev, &err) == 1;
		if (r->external_left && ev->item_count && !r->verify && role >= 1 && role <= 2) {
			const struct deja_bytes *b = &ev->items[0].bytes;

			for (size_t done = 0; done < b->len;) {
				ssize_t n = write(r->terminal.out_fd[role], b->data + done, b->len - done);

				if (n < 0 && errno != EPIPE)
					shared->echo_error = errno;
				if (n <= 0)
					break;
				done += (size_t)n;
			}
		}
		__atomic_store_n(&shared->output_seq, seq, __ATOMIC_SEQ_CST);
		session_wake((uint32_t *)&shared->output_seq);
	}
}

static volatile sig_atomic_t stop_signal;

static void on_stop(int signo)
{
	stop_signal = signo;
}

int playback_watch(struct playback *r)
{
	struct watchdog dog = {0};
	bool partial = lost_output_possible(r);

	for (;;) {
		uint32_t seen = __atomic_load_n(&r->session.shared->doorbell,
						__ATOMIC_SEQ_CST);
		struct slot *diverged = NULL;
		unsigned alive;

		external_turns(r);
		alive = look(r, &diverged);
		if (r->hold && holder_gone(r->hold))
			stop_signal = SIGTERM;
		if (stop_signal) {
			end_all(r);
			session_destroy(&r->session);
			session_end_as(stop_signal);
		}
		if (r->unpacker.failed) {
			end_all(r);
			return unpack_status(&r->unpacker);
		}
		if (diverged) {
			int status = diverged->divergence.kind == SLOT_CANNOT_RUN
					     ? verdict_impossible(r, diverged)
					     : verdict_divergence(r, diverged);

			/* a debugger that is there already may look at it */
			if (r->hold && diverged->hold == HOLD_GONE_ON) {
				r->diverged_told = true;
				dprintf(r->hold->fd, "diverged\n");
				continue;
			}
			end_all(r);
			return status;
		}
		if (!r->root_ended && waitpid(r->root, &r->root_status, WNOHANG) == r->root) {
			r->root_ended = true;
			continue;
		}
		if (r->root_ended && !alive)
			return r->diverged_told ? CMD_DIVERGED : 0;
		if (partial)
			lost_output_skip(r);
		if (r->pace && pace_look(r)) {
			end_all(r);
			r->paused_for_good = true;
			return 0;
		}
		if (!r->hold && watchdog_stuck(&dog, r->session.shared, r->rec)) {
			watchdog_report(stderr, &dog, r->session.shared, r->rec);
			end_all(r);
			return CMD_DIVERGED;
		}
		session_wait(&r->session, seen, r->root_ended ? 1 : WAIT_MS);
	}
}

/* --- beginning and ending --- */

static void on_child(int signo)
{
}

int playback_begin(struct playback *r)
{
	struct sigaction act = {.sa_handler = on_child}, stop = {.sa_handler = on_stop};
	bool patch = r->header->doors && !strcmp(r->header->doors, "patch");
	struct deja_error err;
	int status;

	if (!patch && !session_can_dispatch()) {
		cmd_error("%s: cannot be replayed here: it was recorded with system call "
			  "dispatch, which this kernel lacks or refuses (Linux 5.11 has it)",
			  r->path);
		return CMD_CANNOT_RUN;
	}
	if (!session_create(&r->session, SESSION_REPLAY))
		return r->session.no_room ? CMD_CANNOT_RUN : CMD_FAILED;
	r->begun = true;
	if (!terminal_open(&r->terminal, r->raw || r->verify))
		return CMD_FAILED;
	/* nothing of a replay is left behind, whoever ends it */
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGQUIT, &stop, NULL);
	r->session.shared->no_dispatch = patch;
	r->session.shared->quiet = r->verify;
	r->session.shared->rederive = r->rederive_dir != NULL;
	r->unpacker.save_dir = r->rederive_dir;
	if (r->pace && !pace_begin(r))
		return CMD_FAILED;
	if (r->hold) {
		r->session.shared->hold_stream = r->hold->stream;
		r->session.shared->hold_event = r->hold->event;
	}
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		r->pidfds[i] = -1;
	for (size_t i = 0; i < r->stream_count; i++)
		if (!unpack_add(&r->unpacker, r->path, r->session.dir, r->streams[i].stream,
				&r->streams[i].len, &r->streams[i].truncated))
			return unpack_status(&r->unpacker);
	status = start_link_files(r);
	if (status)
		return status;
	r->external = deja_cursor_open(r->rec, DEJA_STREAM_EXTERNAL, &err);
	if (r->external)
		r->external_left = deja_next(r->external, &r->external_event, &err) == 1;
	sigaction(SIGCHLD, &act, NULL);
	return 0;
}

int playback_launch(struct playback *r)
{
	int status;

	if (r->pace)
		pace_start(r);
	status = start_root(r);

	if (!status)
		unpack_start(&r->unpacker);
	return status;
}

void playback_end(struct playback *r)
{
	if (!r->begun)
		return;
	r->begun = false;
	end_all(r);
	if (r->pace)
		pace_end(r);
	if (r->sandboxed)
		sandbox_close(&r->sandbox);
	r->sandboxed = false;
	terminal_close(&r->terminal);
	unpack_stop(&r->unpacker);
	r->rederived = r->session.shared->rederived;
	r->echo_error = r->session.shared->echo_error;
	session_destroy(&r->session);
}

/* The header of a recording whose recorder was killed knows no processes: streams are
 * found by their names. */
static void find_streams(struct playback *r)
{
	DIR *d = opendir(r->path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct stream_state *grown;
		unsigned n;
		char tail;

		if (sscanf(e->d_name, "p%u.zst%c", &n, &tail) != 1 || !n || playback_stream(r, n))
			continue;
		grown = realloc(r->streams, (r->stream_count + 1) * sizeof(*grown));
		if (!grown)
			break;
		r->streams = grown;
		grown[r->stream_count++] = (struct stream_state){.stream = n};
	}
	if (d)
		closedir(d);
}

bool playback_open(struct playback *r, const char *arg, int *status)
{
	r->path = cmd_recording_path(arg);
	*status = CMD_UNREADABLE;
	if (!r->path)
		return false;
	r->rec = cmd_open(r->path, status);
	if (!r->rec)
		return false;
	{
		char *abs = realpath(r->path, NULL);

		if (abs)
			r->path = abs;
	}
	r->header = deja_header(r->rec);
	if (r->header->partial && r->header->partial[0]) {
		cmd_error("%s: it was trimmed to be read, not replayed: %s; replay the recording it "
			  "came from",
			  r->path, r->header->partial);
		*status = CMD_CANNOT_RUN;
		return false;
	}
	r->streams = calloc(r->header->process_count + 1, sizeof(*r->streams));
	for (size_t i = 0; r->streams && i < r->header->process_count; i++) {
		const struct deja_process *p = &r->header->processes[i];

		if (p->event_count) {
			r->streams[r->stream_count].stream = p->stream;
			r->streams[r->stream_count++].process = p;
		}
	}
	if (!r->header->complete)
		find_streams(r);
	if (!r->stream_count) {
		*status = CMD_UNREADABLE;
		cmd_error("%s: holds no events: nothing can be replayed", r->path);
		return false;
	}
	return true;
}
