/*
 * See recover.h. Nothing of the dead recorder is used but its files and the arena, of which
 * nothing is believed without a check. Called by `deja recover` and by whoever finds the session
 * of a dead recorder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/readme.h"
#include "tools/guests.h"
#include "tools/record/nspid.h"
#include "tools/record/recover.h"
#include "tools/record/shadowed.h"
#include "tools/session.h"
#include "tools/record/track.h"
#include "tracefmt/error.h"
#include "tracefmt/header.h"
#include "tracefmt/stream.h"
#include "tracefmt/wire.h"

enum { LEVEL = 1, STREAM_MAX = 1 << 20, ROOM_LEN = 128 * 1024 };

static const char killed[] = "the recorder was killed";
static const char killed_lost[] =
    "the recorder was killed, and what it had not written is lost";

struct recovery {
	const char *dir;
	struct recover_result *result;
	struct session *shared; /* NULL: the arena is gone */
	int arena;
	char session_dir[SESSION_DIR_LEN + 1];
	struct supervisor sv;
	struct deja_header header;
	const struct deja_file *files;
	size_t file_count;
	msgpack_zone zone;
	bool unused; /* no process maps the arena any more */
	bool foreign_pids; /* those in the slots are not, or not all, what processes are known by here */
	bool changed, lost; /* lost: something that had happened is in no stream */
	struct deja_error *err;
};

/* --- links and notes --- */

static void path_in(char *path, size_t len, const char *dir, const char *name)
{
	snprintf(path, len, "%s/%s", dir, name);
}

/* Where room waits for the last of these files, and where tf_header_write finds it. */
static const char *const roomy[] = {"header", "files"};

static void room_in(char *path, size_t len, const char *dir, const char *name, bool open)
{
	snprintf(path, len, open ? "%s/" TF_ROOM_FMT : "%s/.room.%s", dir, name);
}

void recover_link(const char *rec_dir, const char *session_dir)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(roomy) / sizeof(roomy[0]); i++) {
		int fd, rc;

		room_in(path, sizeof(path), rec_dir, roomy[i], false);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			continue;
		rc = posix_fallocate(fd, 0, ROOM_LEN);
		(void)rc; /* as much as there is */
		close(fd);
	}

	path_in(path, sizeof(path), session_dir, "rec");
	if (symlink(rec_dir, path) < 0)
		return;
	path_in(path, sizeof(path), rec_dir, ".session");
	if (symlink(session_dir, path) < 0)
		cmd_error("warning: %s: %s: if this deja is killed, what it has not written yet "
			  "cannot be recovered",
			  path, strerror(errno));
}

bool recover_is_live(const char *rec_dir, bool *known)
{
	char path[PATH_MAX];
	bool live = false;
	int fd;

	*known = sealed_is_there(rec_dir, &live);
	if (*known)
		return live;
	path_in(path, sizeof(path), rec_dir, ".session/arena");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		live = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
		close(fd);
	}
	*known = fd >= 0;
	return live;
}

void recover_use_room(const char *rec_dir)
{
	for (size_t i = 0; i < sizeof(roomy) / sizeof(roomy[0]); i++) {
		char kept[PATH_MAX], used[PATH_MAX];

		room_in(kept, sizeof(kept), rec_dir, roomy[i], false);
		room_in(used, sizeof(used), rec_dir, roomy[i], true);
		rename(kept, used);
	}
}

void recover_note_file(const char *rec_dir, const struct deja_file *f)
{
	char path[PATH_MAX];
	int fd;

	path_in(path, sizeof(path), rec_dir, ".files");
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (!strchr(f->path, '\n'))
		dprintf(fd,
			"%" PRIu32 " %s %" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRId64
			" %d %s\n",
			f->id, f->hash, f->size, f->mode, f->dev, f->ino, f->mtime_ns, f->exact,
			f->path);
	close(fd);
}

void recover_unlink(const char *rec_dir)
{
	char path[PATH_MAX];

	path_in(path, sizeof(path), rec_dir, ".session");
	unlink(path);
	path_in(path, sizeof(path), rec_dir, ".files");
	unlink(path);
	for (size_t i = 0; i < sizeof(roomy) / sizeof(roomy[0]); i++) {
		room_in(path, sizeof(path), rec_dir, roomy[i], false);
		unlink(path);
		room_in(path, sizeof(path), rec_dir, roomy[i], true);
		unlink(path);
	}
}

/* The index on disk, and behind it what the notes know further. Lives as long as the process. */
static bool read_files(struct recovery *r)
{
	char path[PATH_MAX], *line = NULL;
	struct deja_file *list;
	size_t cap = 0;
	FILE *f;

	if (tf_files_read(r->dir, &r->zone, &r->files, &r->file_count, r->err) < 0)
		return false;
	path_in(path, sizeof(path), r->dir, ".files");
	f = fopen(path, "re");
	while (f && getline(&line, &cap, f) > 0) {
		struct deja_file file = {0};
		char hash[33];
		int exact, name = 0;

		line[strcspn(line, "\n")] = 0;
		if (sscanf(line,
			   "%" SCNu32 " %32s %" SCNu64 " %" SCNu32 " %" SCNu64 " %" SCNu64 " %" SCNd64
			   " %d %n",
			   &file.id, hash, &file.size, &file.mode, &file.dev, &file.ino,
			   &file.mtime_ns, &exact, &name) < 8 ||
		    !name || file.id != r->file_count + 1)
			continue;
		list = malloc((r->file_count + 1) * sizeof(*list));
		if (!list)
			break;
		if (r->file_count)
			memcpy(list, r->files, r->file_count * sizeof(*list));
		file.exact = exact;
		file.hash = strdup(hash);
		file.path = strdup(line + name);
		list[r->file_count++] = file;
		r->files = list;
		r->changed = true;
	}
	free(line);
	if (f)
		fclose(f);
	return true;
}

/* --- the arena --- */

/* Maps the session's arena if there is one that belongs to this recording. RECOVER_DONE: it is
 * mapped, RECOVER_NOTHING: it is gone. */
static enum recover_outcome open_arena(struct recovery *r)
{
	char link[PATH_MAX], path[PATH_MAX + 16], back[PATH_MAX], *real;
	struct stat st;
	unsigned id;
	ssize_t n;
	int writable;
	bool known;

	path_in(link, sizeof(link), r->dir, ".session");
	n = readlink(link, r->session_dir, sizeof(r->session_dir));
	if (n != SESSION_DIR_LEN)
		return RECOVER_NOTHING;
	r->session_dir[n] = 0;
	if (sscanf(r->session_dir, SESSION_DIR_FMT, &id) != 1)
		return RECOVER_NOTHING;
	path_in(path, sizeof(path), r->session_dir, "rec");
	n = readlink(path, back, sizeof(back) - 1);
	real = realpath(r->dir, NULL);
	if (n > 0)
		back[n] = 0;
	if (n <= 0 || !real || strcmp(real, back)) {
		free(real);
		return RECOVER_NOTHING;
	}
	free(real);
	path_in(path, sizeof(path), r->session_dir, "arena");
	r->arena = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (r->arena < 0)
		return RECOVER_NOTHING;
	if (flock(r->arena, LOCK_EX | LOCK_NB) < 0)
		return RECOVER_BUSY;
	r->unused = !session_is_mapped(r->arena, &known) && known; /* before we map it */
	if (fstat(r->arena, &st) < 0 || st.st_uid != geteuid() ||
	    (size_t)st.st_size != SESSION_LEN)
		return RECOVER_NOTHING;
	writable = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	r->shared = mmap(NULL, SESSION_LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, writable, 0);
	if (writable >= 0)
		close(writable);
	if (r->shared == MAP_FAILED || r->shared->magic != SESSION_MAGIC ||
	    r->shared->version != SESSION_VERSION || r->shared->mode != SESSION_RECORD) {
		r->shared = NULL;
		return RECOVER_NOTHING;
	}
	r->foreign_pids = r->shared->pid_namespaces || r->shared->pid_namespace != session_pid_namespace();
	return RECOVER_DONE;
}

static unsigned slots_used(const struct recovery *r)
{
	unsigned used = r->shared ? r->shared->slots_used : 0;

	return used < SLOT_COUNT ? used : SLOT_COUNT;
}

static struct slot *slot_of(struct recovery *r, uint32_t stream)
{
	for (unsigned i = 0; i < slots_used(r); i++) {
		struct slot *slot = session_slot(r->shared, i);

		if (slot->state != SLOT_FREE && slot->stream == stream)
			return slot;
	}
	return NULL;
}

static bool pid_lives(void *arg, pid_t pid)
{
	const struct recovery *r = arg;
	bool possible;

	if (r->unused)
		return false;
	if (!r->foreign_pids) /* else its pid may be another's here */
		return session_pid_lives(pid);
	return pid && nspid_outer(pid, r->session_dir, true, NULL, NULL, &possible);
}

static bool slot_lives(struct recovery *r, const struct slot *slot)
{
	return pid_lives(r, slot->pid) || guests_live(r->shared, slot, false, pid_lives, r);
}

/* What lies in the ring behind the stream's first `taken` bytes. False: some of it is gone. */
static bool append_ring(struct recovery *r, struct track *t, struct slot *slot)
{
	uint64_t taken = tf_writer_taken_len(t->writer);
	uint64_t head = __atomic_load_n(&slot->head, __ATOMIC_ACQUIRE);
	uint64_t before = tf_writer_event_count(t->writer);

	/* what is overwritten since, by an event that is not whole yet, is gone, too */
	if (head < taken || slot->pos - taken > RING_LEN || slot->pos < head)
		return false;
	while (taken < head) {
		size_t at = taken & (RING_LEN - 1), n = head - taken;

		if (n > RING_LEN - at)
			n = RING_LEN - at;
		if (tf_writer_append(t->writer, slot_ring(slot) + at, n, r->err) < 0)
			return false;
		taken += n;
	}
	r->result->memory_event_count += tf_writer_event_count(t->writer) - before;
	return true;
}

/* --- streams --- */

static struct track *track_for(struct recovery *r, uint32_t stream)
{
	struct supervisor *sv = &r->sv;

	if (stream > sv->track_count) {
		struct track **grown = realloc(sv->tracks, stream * sizeof(*grown));

		if (!grown)
			return NULL;
		memset(grown + sv->track_count, 0, (stream - sv->track_count) * sizeof(*grown));
		sv->tracks = grown;
		sv->track_count = stream;
	}
	if (!sv->tracks[stream - 1]) {
		struct track *t = calloc(1, sizeof(*t));

		if (!t)
			return NULL;
		t->sv = sv;
		t->stream = stream;
		t->slot = -1;
		t->start_ns = -1;
		sv->tracks[stream - 1] = t;
	}
	return sv->tracks[stream - 1];
}

static void see_event(void *arg, unsigned id, const uint8_t *ev, size_t len)
{
	struct track *t = arg;
	struct tf_in in = {ev, ev + len, 0};

	if (t->start_ns < 0 && (id == TF_EV_IMAGE || id == TF_EV_CHILD)) {
		tf_get_array(&in);
		tf_get_int(&in);
		t->start_ns = tf_get_int(&in);
	}
	track_see_event(t, id, ev, len);
}

/* A stream that was ended properly is only read. */
static bool read_whole(struct recovery *r, struct track *t, tf_reader *reader)
{
	struct tf_state state;

	tf_state_init(&state);
	for (size_t i = 0; i < tf_reader_frame_count(reader); i++) {
		struct deja_bytes bytes;
		size_t at = 0;

		if (tf_reader_frame(reader, i, &bytes, r->err) < 0)
			return false;
		while (at < bytes.len) {
			struct tf_in in = {bytes.data + at, bytes.data + bytes.len, 0};
			long len = tf_event_len(bytes.data + at, bytes.len - at);

			if (len <= 0 || tf_state_apply(&state, bytes.data + at, (size_t)len) < 0)
				return false;
			tf_get_array(&in);
			if (at)
				see_event(t, (unsigned)tf_get_int(&in), bytes.data + at, (size_t)len);
			at += (size_t)len;
		}
	}
	t->event_count = state.next_number - 1;
	t->byte_len = tf_reader_byte_len(reader);
	t->end_ns = state.time_ns;
	return true;
}

/* Adds what the ring holds, says where recording stopped unless it is the process's own end,
 * and ends the stream. */
static bool finish_stream(struct recovery *r, struct track *t, struct slot *slot)
{
	const char *stopped = NULL;

	/* without a slot it had ended, but its last frames could not be written */
	if (!slot || !append_ring(r, t, slot))
		stopped = killed_lost;
	else if (slot->no_memory || slot->passthrough || slot_lives(r, slot))
		stopped = slot->no_memory ? "/dev/shm is full" : killed;
	if (t->exited)
		stopped = NULL;
	r->lost |= stopped == killed_lost;
	t->stopped = stopped;
	if (stopped && tf_writer_stop(t->writer, stopped, r->err) < 0)
		return false;
	t->event_count = tf_writer_event_count(t->writer);
	t->byte_len = tf_writer_byte_len(t->writer);
	t->end_ns = tf_writer_state(t->writer)->time_ns;
	r->changed = true;
	if (tf_writer_close(t->writer, r->err) < 0)
		return false;
	t->writer = NULL;
	return true;
}

static bool recover_stream(struct recovery *r, uint32_t stream)
{
	struct slot *slot = slot_of(r, stream);
	struct track *t = track_for(r, stream);
	char path[PATH_MAX];
	tf_reader *reader;
	bool ok;

	if (!t)
		return false;
	if (slot)
		t->parent = slot->parent_stream;
	snprintf(path, sizeof(path), "%s/p%u.zst", r->dir, stream);
	if (access(path, F_OK) < 0) { /* it had just begun */
		t->writer = tf_writer_open(path, LEVEL, r->err);
		if (t->writer)
			tf_writer_set_watch(t->writer, see_event, t);
		return t->writer && finish_stream(r, t, slot);
	}
	reader = tf_reader_open(path, r->err);
	if (!reader)
		return false;
	if (tf_reader_ending(reader) == DEJA_E_TRUNCATED) {
		tf_reader_close(reader);
		t->writer = tf_writer_resume(path, LEVEL, see_event, t, r->err);
		return t->writer && finish_stream(r, t, slot);
	}
	ok = tf_reader_ending(reader) == DEJA_OK && read_whole(r, t, reader);
	tf_reader_close(reader);
	return ok;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The numbers of all streams, ascending; parents come before their children then. */
static uint32_t *list_streams(struct recovery *r, size_t *count)
{
	uint32_t *list = calloc(STREAM_MAX, sizeof(*list));
	DIR *d = opendir(r->dir);
	struct dirent *e;
	size_t n = 0, kept = 0;

	while (list && d && (e = readdir(d)) && n < STREAM_MAX) {
		unsigned stream;
		char tail;

		if (sscanf(e->d_name, "p%u.zst%c", &stream, &tail) == 1 && stream &&
		    stream < STREAM_MAX)
			list[n++] = stream;
	}
	if (d)
		closedir(d);
	for (unsigned i = 0; list && i < slots_used(r) && n < STREAM_MAX; i++) {
		const struct slot *slot = session_slot(r->shared, i);

		if (slot->state != SLOT_FREE && slot->stream && slot->stream < STREAM_MAX &&
		    slot->head)
			list[n++] = slot->stream;
	}
	if (list)
		qsort(list, n, sizeof(*list), by_number);
	for (size_t i = 0; i < n; i++)
		if (!kept || list[kept - 1] != list[i])
			list[kept++] = list[i];
	*count = kept;
	return list;
}

static void recover_external(struct recovery *r)
{
	char path[PATH_MAX];
	struct deja_error err;
	tf_writer *w;

	path_in(path, sizeof(path), r->dir, "x1.zst");
	w = access(path, F_OK) == 0 ? tf_writer_resume(path, LEVEL, NULL, NULL, &err) : NULL;
	if (w)
		tf_writer_close(w, &err);
}

/* --- all of it --- */

/* From here on nothing more is taken in. */
static void close_session(struct recovery *r)
{
	__atomic_store_n(&r->shared->closed, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < slots_used(r); i++) {
		struct slot *slot = session_slot(r->shared, i);

		if (slot->state == SLOT_FREE || !slot->stream)
			continue;
		slot_close(slot);
		r->result->alive_count += slot_lives(r, slot);
		__atomic_fetch_add(&slot->tail_seq, 1, __ATOMIC_SEQ_CST);
		session_wake(&slot->tail_seq);
	}
}

static bool write_result(struct recovery *r)
{
	struct supervisor *sv = &r->sv;
	const struct track *root = sv->track_count ? sv->tracks[0] : NULL;
	struct deja_file *files;
	char old_cause[256];

	snprintf(old_cause, sizeof(old_cause), "%s", r->header.cause);
	for (size_t i = 0; i < sv->track_count; i++)
		if (sv->tracks[i] && sv->tracks[i]->end_ns > r->header.duration_ns)
			r->header.duration_ns = sv->tracks[i]->end_ns;
	if (root && root->exited && root->living.status_known) {
		sv->root_ended = true;
		sv->root_status = root->living.status;
	}
	for (size_t i = 0; i < sv->track_count; i++)
		if (sv->tracks[i] && sv->tracks[i]->stopped)
			snprintf(sv->cause, sizeof(sv->cause), "%s", r->lost ? killed_lost : killed);
	if (!sv->cause[0] && !sv->root_ended)
		snprintf(sv->cause, sizeof(sv->cause),
			 "%s: how the command ended is not known", killed);
	/* it ended by itself, for a reason of its own */
	if (strcmp(old_cause, TF_CAUSE_RUNNING))
		snprintf(sv->cause, sizeof(sv->cause), "%s", old_cause);
	track_fill_header(sv, &r->header);
	if (r->shared && r->file_count) {
		files = malloc(r->file_count * sizeof(*files));
		if (files) {
			memcpy(files, r->files, r->file_count * sizeof(*files));
			shadowed_name(r->shared, files, r->file_count);
			r->files = files;
		}
	}
	if (tf_files_write(r->dir, r->files, r->file_count, r->err) < 0 ||
	    tf_header_write(r->dir, &r->header, r->err) < 0)
		return false;
	readme_write(r->dir, &r->header);
	r->result->event_count = r->header.event_count;
	r->result->process_count = r->header.process_count;
	r->result->complete = r->header.complete;
	snprintf(r->result->cause, sizeof(r->result->cause), "%s", sv->cause);
	return true;
}

static enum recover_outcome recover(struct recovery *r)
{
	uint32_t *streams;
	size_t count;
	bool ok = true, busy;

	if (tf_header_read(r->dir, &r->zone, &r->header, r->err) < 0)
		return RECOVER_FAILED;
	if (r->header.complete)
		return RECOVER_NOTHING;
	if (sealed_is_there(r->dir, &busy)) {
		tf_fail(r->err, DEJA_E_NOT_A_RECORDING,
			"%s: was being recorded with --redact: its key ended with its recorder, nothing can "
			"be read; take it away with `deja rm`", r->dir);
		return busy ? RECOVER_BUSY : RECOVER_FAILED;
	}
	if (open_arena(r) == RECOVER_BUSY)
		return RECOVER_BUSY;
	if (!read_files(r))
		return RECOVER_FAILED;
	if (r->shared)
		close_session(r);
	streams = list_streams(r, &count);
	for (size_t i = 0; streams && ok && i < count; i++)
		ok = recover_stream(r, streams[i]);
	free(streams);
	if (!ok)
		return RECOVER_FAILED;
	recover_external(r);
	if (!r->changed && strcmp(r->header.cause, TF_CAUSE_RUNNING))
		return RECOVER_NOTHING;
	if (!write_result(r))
		return RECOVER_FAILED;
	recover_unlink(r->dir);
	if (r->shared && !r->result->alive_count)
		cmd_remove_tree(r->session_dir);
	return RECOVER_DONE;
}

enum recover_outcome recover_directory(const char *rec_dir, struct recover_result *result,
				       struct deja_error *err)
{
	struct recovery r = {
	    .dir = rec_dir, .result = result, .err = err, .arena = -1, .sv = {.closed = true}};
	enum recover_outcome outcome;

	memset(result, 0, sizeof(*result));
	memset(err, 0, sizeof(*err));
	msgpack_zone_init(&r.zone, 4096);
	r.sv.dir = rec_dir;
	outcome = recover(&r);
	if (r.shared)
		munmap(r.shared, SESSION_LEN);
	if (r.arena >= 0)
		close(r.arena);
	msgpack_zone_destroy(&r.zone);
	return outcome;
}

bool recover_orphan(const char *session_dir)
{
	struct recover_result result;
	struct deja_error err;
	char path[PATH_MAX + 16], dir[PATH_MAX];
	ssize_t n;

	path_in(path, sizeof(path), session_dir, "rec");
	n = readlink(path, dir, sizeof(dir) - 1);
	if (n <= 0)
		return true;
	dir[n] = 0;
	/* said by the recording itself: whoever swept is about something else, and a replay's
	 * stderr is the program's */
	if (recover_directory(dir, &result, &err) != RECOVER_FAILED)
		return true;
	path_in(path, sizeof(path), dir, ".session");
	n = readlink(path, dir, sizeof(dir) - 1);
	return n < 0 || (size_t)n != strlen(session_dir) || memcmp(dir, session_dir, (size_t)n);
}
