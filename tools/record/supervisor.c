/*
 * See supervisor.h. One loop: look at every claimed slot, move what its ring holds into
 * its stream's writer, answer file requests, take in external output; then sleep until
 * the doorbell rings or a few milliseconds pass.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/domains.h"
#include "tools/guests.h"
#include "tools/record/nspid.h"
#include "tools/record/outside.h"
#include "tools/record/recover.h"
#include "tools/record/relay.h"
#include "tools/record/shadowed.h"
#include "tools/record/supervisor.h"
#include "tools/record/track.h"
#include "tracefmt/error.h"
#include "tracefmt/header.h"
#include "tracefmt/stream.h"

enum {
	SLEEP_MIN_MS = 2,
	SLEEP_MAX_MS = 50,
	GRACE_NS = 300 * 1000 * 1000, /* for processes to end by the signal that ends the recording */
	LOOK_NS = 5 * 1000 * 1000, /* between looks whether a process was killed */
	CLAIM_GRACE_NS = 1000 * 1000 * 1000,
	SETTLE_NS = 1000 * 1000 * 1000, /* a recording that lasts longer may last for days */
	FLUSH_NS = 200 * 1000 * 1000, /* how long events may wait for their frame */
	KEEP_MAX = RING_LEN / 2 + RING_LEN / 8, /* bytes kept in a ring: more than a frame */
};

int64_t supervisor_now_ns(struct supervisor *sv)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec -
	       sv->session->shared->monotonic_base_ns;
}

/* --- slots --- */

static struct track *track_of(struct supervisor *sv, int index)
{
	struct slot *slot = session_slot(sv->session->shared, (unsigned)index);
	uint32_t stream = slot->stream;
	struct track *t, **grown;

	if (sv->slot_track[index] == (int)stream)
		return sv->tracks[stream - 1];
	if (stream > sv->track_count) {
		grown = realloc(sv->tracks, stream * sizeof(*grown));
		if (!grown)
			return NULL;
		memset(grown + sv->track_count, 0,
		       (stream - sv->track_count) * sizeof(*grown));
		sv->tracks = grown;
		sv->track_count = stream;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->sv = sv;
	t->stream = stream;
	t->parent = slot->parent_stream;
	t->slot = index;
	t->pidfd = -1;
	t->start_ns = supervisor_now_ns(sv);
	sv->tracks[stream - 1] = t;
	sv->slot_track[index] = (int)stream;
	return t;
}

void supervisor_end(struct supervisor *sv, const struct deja_error *err)
{
	if (!sv->cause[0]) {
		snprintf(sv->cause, sizeof(sv->cause), "%s", err->message);
		cmd_error("%s: recording stops here, the program goes on", err->message);
	}
}

static void track_failed(struct track *t, const struct deja_error *err)
{
	t->failed = true;
	supervisor_end(t->sv, err);
}

static void wake_writer(struct slot *slot)
{
	__atomic_fetch_add(&slot->tail_seq, 1, __ATOMIC_SEQ_CST);
	session_wake(&slot->tail_seq);
}

/* Gives room back to the process: the ring keeps what is not in a whole frame on disk yet, so that
 * it can be had from there when this process is killed (recover.c). But for one very long event. */
static void release(struct track *t, struct slot *slot)
{
	uint64_t framed = t->taken;

	if (t->sv->closed) /* then the slot's tail is none any more */
		return;
	if (t->writer && !t->failed)
		framed = tf_writer_framed_len(t->writer);
	if (t->taken - framed > KEEP_MAX)
		framed = t->taken;
	if (framed == slot->tail)
		return;
	__atomic_store_n(&slot->tail, framed, __ATOMIC_SEQ_CST);
	if (slot->writer_waits)
		wake_writer(slot);
}

tf_writer *supervisor_open_stream(struct supervisor *sv, const char *name, uint32_t stream,
				  struct deja_error *err)
{
	char path[PATH_MAX + 32], link[PATH_MAX + 32];
	tf_writer *w;

	snprintf(path, sizeof(path), "%s/%s", sv->sealed ? sv->sealed->disk : sv->dir, name);
	w = tf_writer_open(path, load_level(&sv->load), err);
	if (w && sv->sealed) {
		tf_writer_set_seal(w, &sv->sealed->seal.tf, stream);
		snprintf(link, sizeof(link), "%s/%s", sv->dir, name);
		if (symlink(path, link) < 0) {
			tf_fail_errno(err, "cannot create %s", link);
			tf_writer_close(w, NULL);
			w = NULL;
		}
	}
	return w;
}

/* Moves what the ring holds. False when there was nothing. */
static bool drain(struct track *t, struct slot *slot)
{
	uint64_t head = __atomic_load_n(&slot->head, __ATOMIC_ACQUIRE);
	struct deja_error err;

	if (head == t->taken)
		return false;
	if (!t->writer && !t->failed) {
		char name[32];

		snprintf(name, sizeof(name), "p%u.zst", t->stream);
		t->writer = supervisor_open_stream(t->sv, name, t->stream, &err);
		if (t->writer) {
			tf_writer_set_watch(t->writer, track_see_event, t);
			tf_writer_set_pool(t->writer, t->sv->pool, t->stream);
		} else {
			track_failed(t, &err);
		}
	}
	if (t->writer)
		tf_writer_set_level(t->writer, load_level(&t->sv->load));
	while (t->taken != head) {
		size_t at = t->taken & (RING_LEN - 1), n = head - t->taken;

		if (n > RING_LEN - at)
			n = RING_LEN - at;
		if (!t->failed && tf_writer_append(t->writer, slot_ring(slot) + at, n, &err) < 0)
			track_failed(t, &err);
		t->taken += n;
		release(t, slot);
	}
	return true;
}

/* The process has ended or, with a reason why, goes on alone. Its slot is still its own. */
static void track_end(struct track *t, struct slot *slot, const char *stopped)
{
	struct deja_error err;

	if (slot->no_memory)
		stopped = "/dev/shm is full";
	t->end_ns = supervisor_now_ns(t->sv);
	t->died_in_turn = domains_forget(t->sv->session->shared, t->stream, t->domain_turn);
	if (t->stopped) /* it has said why by itself */
		stopped = NULL;
	t->stopped |= stopped != NULL;
	if (stopped && t->writer && !t->failed && tf_writer_stop(t->writer, stopped, &err) < 0)
		track_failed(t, &err);
	if (t->writer && !t->failed && tf_writer_flush(t->writer, &err) < 0)
		track_failed(t, &err); /* what is in no frame does not count */
	if (t->writer) {
		t->sv->ended_len += tf_writer_disk_len(t->writer);
		t->event_count = tf_writer_event_count(t->writer);
		t->byte_len = tf_writer_byte_len(t->writer);
		if (tf_writer_state(t->writer)->time_ns > t->end_ns) /* its clock and ours differ */
			t->end_ns = tf_writer_state(t->writer)->time_ns;
		t->sv->has_references |= tf_writer_has_references(t->writer);
		if (tf_writer_close(t->writer, &err) < 0 && !t->failed)
			track_failed(t, &err);
		t->writer = NULL;
	}
	if (t->pidfd >= 0)
		close(t->pidfd);
	t->pidfd = -1;
	t->sv->slot_track[t->slot] = 0;
	t->slot = -1;
}

static void slot_free(struct slot *slot)
{
	slot->stream = 0;
	__atomic_store_n(&slot->state, SLOT_FREE, __ATOMIC_SEQ_CST);
}

/* Opens what tells when the process ends; where there is none, it is looked at again and again.
 * False: it has ended. */
static bool watch(struct track *t, const struct slot *slot, int64_t now)
{
	bool possible;
	pid_t pid = track_live_pid(t, slot, &possible);

	if (pid) {
		t->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		return t->pidfd >= 0 || session_pid_lives(pid);
	}
	if (!t->unseen_since_ns)
		t->unseen_since_ns = now;
	if (now - t->unseen_since_ns < CLAIM_GRACE_NS)
		return true;
	t->pidfd = possible ? -2 : -1;
	return possible;
}

/* True while the process itself may still write. */
static bool process_alive(struct track *t, const struct slot *slot, int64_t now)
{
	struct pollfd p = {.events = POLLIN};

	if (slot->state == SLOT_ENDED)
		return false;
	if (t->pidfd == -1 && !slot->pid)
		return true;
	if (t->looked_ns && now - t->looked_ns < (t->pidfd == -2 ? CLAIM_GRACE_NS : LOOK_NS))
		return true;
	t->looked_ns = now;
	if (t->pidfd < 0 && !watch(t, slot, now)) /* -2: one could be it when last looked at */
		return false;
	if (t->pidfd < 0)
		return true;
	p.fd = t->pidfd;
	return poll(&p, 1, 0) != 1; /* a pending SIGCHLD fails it even without a timeout */
}

struct guest_look {
	struct supervisor *sv;
	bool first; /* a pid may be another's by now */
};

static bool guest_lives(void *arg, pid_t pid)
{
	const struct guest_look *look = arg;
	const char *dir = look->sv->session->dir;
	bool possible;

	if (look->sv->session->shared->pid_namespaces)
		return nspid_outer(pid, dir, false, NULL, NULL, &possible) || possible;
	return session_pid_lives(pid) && (!look->first || nspid_is_of_session(pid, dir));
}

/* Those that share the memory of a process that is gone, and write on. */
static bool outlived(struct track *t, struct slot *slot, int64_t now)
{
	struct guest_look look = {t->sv, !t->orphaned_ns};

	if (!slot_has_guests(slot))
		return false;
	if (t->orphaned_ns && now - t->orphaned_ns < LOOK_NS)
		return true;
	if (!t->orphaned_ns)
		t->outlived_since_ns = now;
	t->orphaned_ns = now;
	if (!guests_live(t->sv->session->shared, slot, now - t->outlived_since_ns < CLAIM_GRACE_NS, guest_lives,
			 &look))
		return false;
	__atomic_store_n(&slot->orphaned, 1, __ATOMIC_SEQ_CST);
	return true;
}

/* True while somebody may still write to its stream. */
static bool track_alive(struct track *t, struct slot *slot, int64_t now)
{
	return process_alive(t, slot, now) || outlived(t, slot, now);
}

/* Frees a slot whose claimer was killed before it had a child for it. The child sets its
 * pid first of all, so a second is plenty for one that was just born. */
static bool claim_is_void(struct supervisor *sv, unsigned i, struct slot *slot)
{
	if (!slot->claimer_pid || kill(slot->claimer_pid, 0) == 0 || errno != ESRCH) {
		sv->orphan_since_ns[i] = 0;
		return false;
	}
	if (!sv->orphan_since_ns[i])
		sv->orphan_since_ns[i] = supervisor_now_ns(sv);
	if (supervisor_now_ns(sv) - sv->orphan_since_ns[i] < CLAIM_GRACE_NS)
		return false;
	sv->orphan_since_ns[i] = 0;
	slot_free(slot);
	return true;
}

/* A token may have been handed to one that had just died. */
static void look_at_domains(struct supervisor *sv)
{
	for (unsigned d = 0; d < DOMAIN_COUNT && d < sv->session->shared->domain_count; d++) {
		uint32_t stream = domain_holder(sv->session->shared, d);
		struct track *t = stream && stream <= sv->track_count ? sv->tracks[stream - 1]
								      : NULL;

		if (t && t->slot < 0)
			domains_forget(sv->session->shared, stream, t->domain_turn);
	}
}

/* Looks at every slot once. Returns how many processes are alive; *busy: something was
 * moved. */
static unsigned look_at_slots(struct supervisor *sv, bool *busy)
{
	unsigned alive = 0, used = sv->session->shared->slots_used;
	int64_t now = supervisor_now_ns(sv);

	for (unsigned i = 0; i < used && i < SLOT_COUNT; i++) {
		struct slot *slot = session_slot(sv->session->shared, i);
		struct track *t;
		bool lives;

		if (slot->state == SLOT_FREE || !slot->stream)
			continue;
		if (slot->state == SLOT_CLAIMED && !slot->pid && slot->head == 0) {
			if (claim_is_void(sv, i, slot))
				continue;
			alive++; /* between claim and birth */
			continue;
		}
		t = track_of(sv, (int)i);
		if (!t)
			continue;
		if (slot->request)
			request_answer(sv, t, slot);
		lives = track_alive(t, slot, now); /* before the last look at the ring */
		if (drain(t, slot))
			*busy = true;
		if (slot->request)
			request_answer(sv, t, slot);
		if (lives) {
			alive++;
		} else {
			track_end(t, slot, NULL);
			slot_free(slot);
		}
	}
	return alive;
}

/* --- so that little is lost if this process is killed --- */

static void flush_all(struct supervisor *sv)
{
	int64_t now = supervisor_now_ns(sv);
	struct deja_error err;

	if (now - sv->flushed_ns < FLUSH_NS)
		return;
	sv->flushed_ns = now;
	if (!sv->settled && now > SETTLE_NS) {
		if (sv->pool)
			tf_pool_settle(sv->pool);
		tf_writers_settle();
		sv->settled = true;
	}
	if (store_count(sv->store) != sv->files_written) {
		sv->files_written = store_count(sv->store);
		tf_files_write(sv->dir, store_files(sv->store), sv->files_written, &err);
	}
	for (size_t i = 0; i < sv->track_count; i++) {
		struct track *t = sv->tracks[i];

		if (!t || !t->writer || t->failed ||
		    tf_writer_byte_len(t->writer) == t->flushed_len)
			continue;
		t->flushed_len = tf_writer_byte_len(t->writer);
		if (tf_writer_flush(t->writer, &err) < 0)
			track_failed(t, &err);
		if (t->slot >= 0)
			release(t, session_slot(sv->session->shared, (unsigned)t->slot));
	}
}

/* --- the loop --- */

/* A process of the tree, or one that was until a moment ago. Numbers are used again. */
static bool is_of_tree(void *arg, pid_t pid)
{
	struct supervisor *sv = arg;
	const struct session *shared = sv->session->shared;
	int64_t now = supervisor_now_ns(sv);

	if (pid <= 0)
		return false;
	for (size_t i = 0; i < sv->track_count; i++) {
		const struct track *t = sv->tracks[i];

		if (t && (t->live_pid ? t->live_pid : shared->pid_namespaces ? 0 : t->pid) == pid &&
		    (t->slot >= 0 || now - t->end_ns < CLAIM_GRACE_NS))
			return true;
	}
	for (unsigned i = 0; !shared->pid_namespaces && i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(sv->session->shared, i);

		if (slot->state != SLOT_FREE && slot->pid == pid)
			return true;
	}
	return false;
}

/* Takes notice of what became of the command. True when it has ended. */
static bool look_at_command(struct supervisor *sv)
{
	int status;

	while (!sv->root_ended && waitpid(sv->root, &status, WNOHANG | WUNTRACED) == sv->root) {
		if (WIFSTOPPED(status)) {
			relay_stop(sv->root, WSTOPSIG(status));
			continue;
		}
		sv->root_status = status;
		sv->root_ended = true;
		relay_ended();
		return true;
	}
	return false;
}

struct supervisor *supervisor_open(struct live_session *s, const char *rec_dir,
				   struct store *store, struct deja_header *header,
				   const struct supervisor_limits *limits,
				   const struct sealed *sealed)
{
	struct supervisor *sv = calloc(1, sizeof(*sv));

	if (!sv)
		return NULL;
	sv->session = s;
	sv->dir = rec_dir;
	sv->store = store;
	if (!sealed) /* that is written anew, anyway */
		sv->pool = tf_pool_new();
	sv->header = header;
	sv->limits = *limits;
	sv->sealed = sealed;
	return sv;
}

/* Ends every stream where it is, for sv->cause. What lives goes on alone. */
static void end_streams(struct supervisor *sv)
{
	struct session *shared = sv->session->shared;
	bool busy;

	look_at_slots(sv, &busy);
	external_look(sv);
	__atomic_store_n(&shared->closed, 1, __ATOMIC_SEQ_CST);
	sv->closed = true;
	for (unsigned i = 0; i < shared->slots_used && i < SLOT_COUNT; i++) {
		struct slot *slot = session_slot(shared, i);
		struct track *t;
		bool lives;

		if (slot->state == SLOT_FREE || !slot->stream)
			continue;
		slot_close(slot);
		t = slot->pid || slot->head ? track_of(sv, (int)i) : NULL;
		lives = t && track_alive(t, slot, INT64_MAX);
		if (t) {
			drain(t, slot);
			track_end(t, slot, lives && !t->exited ? sv->cause : NULL);
		}
		wake_writer(slot);
		__atomic_store_n(&slot->request, REQUEST_NONE, __ATOMIC_SEQ_CST);
		session_wake(&slot->request);
	}
}

/* Bytes on disk. */
static uint64_t recording_len(struct supervisor *sv)
{
	uint64_t len = sv->ended_len;

	for (; sv->files_counted < store_count(sv->store); sv->files_counted++)
		sv->files_len += store_files(sv->store)[sv->files_counted].size;
	for (unsigned i = 0; i < sv->session->shared->slots_used && i < SLOT_COUNT; i++) {
		const struct track *t =
		    sv->slot_track[i] ? sv->tracks[sv->slot_track[i] - 1] : NULL;

		if (t && t->writer)
			len += tf_writer_disk_len(t->writer);
	}
	return len + sv->files_len;
}

/* True when the recording has to end now; sv->cause says why. */
static bool must_end(struct supervisor *sv)
{
	const struct supervisor_limits *l = &sv->limits;

	/* without the command's first image nothing at all could be replayed */
	const bool begun = sv->track_count && sv->tracks[0] && sv->tracks[0]->argc;

	if (sv->cause[0]) /* a stream could not be written */
		return true;
	if (begun && l->time_ns && supervisor_now_ns(sv) >= l->time_ns)
		snprintf(sv->cause, sizeof(sv->cause), "recording ended by --max-time %s",
			 l->time_text);
	else if (begun && l->size && recording_len(sv) >= l->size)
		snprintf(sv->cause, sizeof(sv->cause), "recording ended by --max-size %s",
			 l->size_text);
	/* Nobody wants to wait for what the command left in the background; but what ended the
	 * command, and asks us, may have been sent to all (a service is stopped). */
	else if (sv->asked_to_end && supervisor_now_ns(sv) - sv->asked_ns >= GRACE_NS)
		snprintf(sv->cause, sizeof(sv->cause),
			 "recording was stopped by signal %d while background processes ran",
			 sv->asked_to_end);
	return sv->cause[0];
}

void supervisor_run(struct supervisor *sv, pid_t root, bool quiet)
{
	int sleep_ms = SLEEP_MIN_MS;
	int64_t sleep_start;
	int asked;
	bool told = false, waits = false;

	load_begin(&sv->load, supervisor_now_ns(sv));
	sv->root = root;
	for (;;) {
		uint32_t seen = __atomic_load_n(&sv->session->shared->doorbell,
						__ATOMIC_SEQ_CST);
		bool busy = false;
		unsigned alive = look_at_slots(sv, &busy);

		sv->session->shared->beat++;

		look_at_domains(sv);
		if (external_look(sv))
			busy = true;
		if (look_at_command(sv)) {
			sleep_ms = SLEEP_MIN_MS; /* its processes are about to be seen to end */
			continue; /* what it wrote last */
		}
		if (sv->root_ended && !alive && !busy)
			break;
		if (sv->root_ended && alive && !told && !quiet && !busy && sleep_ms == SLEEP_MAX_MS) {
			told = true;
			cmd_error("the command has ended; still recording %u background "
				  "process%s",
				  alive, alive == 1 ? "" : "es");
		}
		flush_all(sv);
		asked = relay_pass(root, is_of_tree, sv, &waits);
		if (asked && !sv->asked_to_end) {
			sv->asked_to_end = asked;
			sv->asked_ns = supervisor_now_ns(sv);
		}
		if (must_end(sv)) {
			end_streams(sv);
			break;
		}
		sleep_ms = busy || waits ? SLEEP_MIN_MS : sleep_ms * 2;
		if (sleep_ms > SLEEP_MAX_MS)
			sleep_ms = SLEEP_MAX_MS;
		sleep_start = supervisor_now_ns(sv);
		load_look(&sv->load, sleep_start, sv->session->shared->waited_ns);
		session_wait(sv->session, seen, sleep_ms);
		load_slept(&sv->load, supervisor_now_ns(sv) - sleep_start);
	}
	if (sv->root_ended && sv->track_count && sv->tracks[0]) {
		sv->tracks[0]->status = sv->root_status;
		sv->tracks[0]->status_known = true;
	}
}

bool supervisor_close(struct supervisor *sv, int64_t duration_ns)
{
	struct deja_header *h = sv->header;
	struct deja_error err;

	track_tell_unrecorded(sv);
	track_tell_died_in_turn(sv);
	if (sv->session->shared->domain_count)
		outside_look(sv);
	if (sv->external)
		tf_writer_close(sv->external, &err);
	sv->external = NULL;
	sv->written = true;
	track_fill_header(sv, h);
	h->format = sv->has_references ? TF_FORMAT : TF_FORMAT_WITHOUT_PIECES;
	h->duration_ns = duration_ns;
	h->waited_ns = (int64_t)sv->session->shared->waited_ns;
	recover_use_room(sv->dir);
	/* the tracks live as long as the process: the header still points into them */
	return supervisor_write(sv);
}

bool supervisor_write(struct supervisor *sv)
{
	struct deja_error err = {0};

	shadowed_name(sv->session->shared, store_files(sv->store), store_count(sv->store));
	/* the header last: until then `deja recover` knows that something is missing */
	if (tf_files_write(sv->dir, store_files(sv->store), store_count(sv->store), &err) < 0 ||
	    tf_header_write(sv->dir, sv->header, &err) < 0) {
		cmd_error("%s", err.message);
		return false;
	}
	return true;
}

const char *supervisor_cause(const struct supervisor *sv)
{
	return sv->cause[0] ? sv->cause : NULL;
}

/* Processes that have not noticed yet that nobody records them. */
static bool session_needed(const struct supervisor *sv)
{
	for (unsigned i = 0; i < sv->session->shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(sv->session->shared, i);

		if (slot->state != SLOT_FREE && !slot->passthrough &&
		    session_pid_lives(slot->pid))
			return true;
	}
	return false;
}

int supervisor_outlast(struct supervisor *sv, bool *left)
{
	bool waits;

	while (!sv->root_ended) {
		look_at_command(sv);
		if (external_look(sv) || sv->root_ended)
			continue;
		relay_pass(sv->root, is_of_tree, sv, &waits);
		session_wait(sv->session, sv->session->shared->doorbell, SLEEP_MAX_MS);
	}
	while (external_look(sv))
		;
	*left = sv->closed && session_needed(sv);
	return sv->root_status;
}
