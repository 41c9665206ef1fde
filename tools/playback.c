/*
 * See playback.h: unpack the streams into a session, start the recorded command under the
 * replaying runtime, and judge: every event of every stream matched, and the status as
 * recorded, or a report of the first difference.
 */
#include <dirent.h>
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
#include "tools/descendants.h"
#include "tools/lost_output.h"
#include "tools/pace.h"
#include "tools/playback.h"
#include "tools/report.h"
#include "tools/store.h"
#include "tools/watchdog.h"
#include "tracefmt/header.h"
#include "tracefmt/wire.h"

enum {
	WAIT_MS = 20,
	KILLED_GRACE_NS = 300 * 1000 * 1000,
	NAME_MAX_LEN = 200, /* of one path component made up for exec */
	TASK_MIN = 16,	    /* processes and threads that any replay may have */
	TASK_BYTES = 24,    /* of its streams, at least, for each */
	TASK_MAX = 8192,
};

/* --- preparing --- */

/* What the processes of the replay open: each stored file by its number, and what is known
 * of it beside its content. */
static bool link_files(struct playback *r)
{
	struct file_identity none = {0};
	char path[PATH_MAX], target[PATH_MAX + 64];
	uint32_t written = 0;
	bool ok;
	FILE *index;

	snprintf(path, sizeof(path), "%s" SESSION_INDEX_NAME, r->session.dir);
	index = fopen(path, "wxe");
	ok = index && fwrite(&none, sizeof(none), 1, index) == 1;
	for (size_t i = 0; ok && i < deja_file_count(r->rec); i++) {
		const struct deja_file *f = deja_file_at(r->rec, i);
		const struct file_identity id = {.dev = f->dev,
						 .ino = f->ino,
						 .size = f->size,
						 .mtime_ns = (uint64_t)f->mtime_ns};

		snprintf(path, sizeof(path), "%s/f%u", r->session.dir, f->id);
		snprintf(target, sizeof(target), "%s/f/%s", r->path, f->hash);
		if (f->id != ++written) {
			cmd_error("%s: its list of files is damaged", r->path);
			fclose(index);
			return false;
		}
		ok = symlink(target, path) == 0 && fwrite(&id, sizeof(id), 1, index) == 1;
	}
	if (index && fclose(index))
		ok = false;
	if (!ok)
		cmd_error("%s: %s", path, strerror(errno));
	return ok;
}

/* A path of exactly `len` characters, relative to a new directory in *cwd, that leads to
 * stored file `id` (why: replayer/image.c). */
static bool path_of_length(struct playback *r, uint32_t id, size_t len, char *cwd, char *path)
{
	char target[64];
	char *p = path;

	if (!len || len >= PATH_MAX)
		return false;
	sprintf(cwd, "%s/x%u", r->session.dir, id);
	sprintf(target, "%s/f%u", r->session.dir, id);
	if (mkdir(cwd, 0700) < 0 && errno != EEXIST)
		return false;
	for (; len > NAME_MAX_LEN; len -= 2)
		*p++ = '.', *p++ = '/';
	memset(p, 'x', len);
	p[len] = 0;
	{
		char link[2 * PATH_MAX];

		snprintf(link, sizeof(link), "%s/%s", cwd, p);
		return symlink(target, link) == 0 || errno == EEXIST;
	}
}

static char **strings(const struct deja_bytes *v, size_t count)
{
	char **out = calloc(count + 1, sizeof(*out));

	for (size_t i = 0; out && i < count; i++)
		out[i] = strndup((const char *)v[i].data, v[i].len);
	return out;
}

/* A changed library at its old place would be loaded by the live linker: said before the
 * first event. */
static bool same_content(const char *path, const struct deja_file *f, const struct stat *st)
{
	char hash[STORE_HASH_LEN + 1];

	if ((uint64_t)st->st_size != f->size)
		return false;
	if (st->st_dev == f->dev && st->st_ino == f->ino &&
	    st->st_mtim.tv_sec * 1000000000ll + st->st_mtim.tv_nsec == f->mtime_ns)
		return true;
	return store_hash(path, hash) && !strcmp(hash, f->hash);
}

static bool check_libraries(struct playback *r, const struct tf_image *img)
{
	for (size_t i = 0; i < img->map_count; i++) {
		const struct tf_image_map *m = &img->maps[i];
		const struct deja_file *f = m->file ? deja_file_by_id(r->rec, m->file) : NULL;
		char path[PATH_MAX];
		struct stat st;

		if (!f || f->path[0] != '/' || m->file == img->file || m->path.len >= sizeof(path) ||
		    strstr(f->path, "/libdeja-record.so"))
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)m->path.len,
			 (const char *)m->path.data);
		if (stat(path, &st) < 0) {
			cmd_error("cannot replay here: %s: %s (the recording needs it as it "
				  "was)",
				  path, strerror(errno));
			return false;
		}
		if (!same_content(path, f, &st)) {
			cmd_error("cannot replay here: %s is not the file that was recorded: "
				  "its content differs",
				  path);
			return false;
		}
	}
	return true;
}

/* A recording may be anybody's. */
static bool confine(struct playback *r)
{
	char lib[PATH_MAX], text[256];
	uint64_t task_max = TASK_MIN, bytes = 0;

	if (!session_lib_dir(lib, sizeof(lib)))
		return false;
	for (size_t i = 0; i < r->stream_count; i++)
		bytes += r->streams[i].len;
	/* whoever was recorded has left something in a stream */
	task_max += bytes / TASK_BYTES;
	if (task_max > TASK_MAX)
		task_max = TASK_MAX;
	r->sandboxed = true;
	if (!sandbox_open(&r->sandbox, r->session.dir, r->path, lib,
			  r->session.shared->no_dispatch, task_max))
		return false;
	if (r->verbose)
		cmd_error("sandbox: %s", sandbox_layers(&r->sandbox, text, sizeof(text)));
	else if (!r->sandbox.landlock)
		cmd_error("warning: this kernel has no Landlock: a hostile recording could read and "
			  "write your files");
	return true;
}

static void free_strings(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

/* Starts the command of this image. Returns 0, or the exit status to give. */
static int launch_image(struct playback *r, struct tf_image *img)
{
	struct launch launch = {.in_null = true};
	char *loader_argv[] = {(char *)"deja-loader", NULL};
	char cwd[PATH_MAX], path[PATH_MAX], **argv = NULL, **envp = NULL;
	int exec_errno;

	session_root_slot(&r->session);
	if (!r->session.shared->no_dispatch) {
		snprintf(path, sizeof(path), "%s" SESSION_LOADER_NAME, r->session.dir);
		launch.path = path;
		launch.argv = loader_argv;
		launch.envp = loader_argv + 1;
	} else if (!check_libraries(r, img)) {
		return CMD_CANNOT_RUN;
	}
	if (!r->no_sandbox && !confine(r))
		return CMD_CANNOT_RUN;
	if (!launch.path) {
		launch.argv = argv = strings(img->argv, img->argc);
		launch.envp = envp = strings(img->envp, img->envc);
		launch.stack_limit = img->stack_limit;
		if (img->file && path_of_length(r, img->file, img->execfn.len, cwd, path)) {
			launch.cwd = cwd;
		} else {
			snprintf(path, sizeof(path), "%.*s", (int)img->exe.len,
				 (const char *)img->exe.data);
		}
		launch.path = path;
	}
	launch.sandbox = r->sandboxed ? &r->sandbox : NULL;
	launch.out_fd[0] = r->terminal.out_fd[1];
	launch.out_fd[1] = r->terminal.out_fd[2];
	descendants_adopt();
	r->root = session_launch(&r->session, &launch, &exec_errno);
	free_strings(argv);
	free_strings(envp);
	if (r->root >= 0)
		return 0;
	if (exec_errno)
		cmd_error("cannot replay here: the recorded executable: %s", strerror(exec_errno));
	return CMD_CANNOT_RUN;
}

/* Starts the recorded command. Returns 0, or the exit status to give. */
static int start_root(struct playback *r)
{
	struct deja_error err = {0};
	struct deja_event ev;
	struct tf_image img;
	deja_cursor *cur = deja_cursor_open(r->rec, 1, &err);
	int status = cur ? deja_next(cur, &ev, &err) : -1;

	while (status == 1 && (ev.id == TF_EV_NOTE || ev.id == TF_EV_THREAD))
		status = deja_next(cur, &ev, &err);
	if (status < 0) {
		cmd_error("%s: its first stream cannot be read: %s", r->path, err.message);
		status = CMD_UNREADABLE;
	} else if (!status || ev.id != TF_EV_IMAGE ||
		   tf_image_decode(ev.raw.data, ev.raw.len, &img) < 0) {
		cmd_error("%s: the recording does not begin with a program image", r->path);
		status = CMD_UNREADABLE;
	} else {
		status = launch_image(r, &img);
		tf_image_free(&img);
	}
	deja_cursor_close(cur);
	return status;
}

/* --- watching --- */

static struct stream_state *state_of(struct playback *r, uint32_t stream)
{
	for (size_t i = 0; i < r->stream_count; i++)
		if (r->streams[i].stream == stream)
			return &r->streams[i];
	return NULL;
}

/* Takes the result of a slot whose process has ended, and frees it. */
static void slot_ended(struct playback *r, unsigned i, struct slot *slot)
{
	struct stream_state *s = state_of(r, slot->stream);

	if (s) {
		s->started = true;
		s->served = slot->event_no;
		s->done = slot->finished || slot->consumed >= s->len;
		s->cut = slot->finished == FINISHED_CUT;
		s->stopped = slot->finished == FINISHED_STOPPED;
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

/* One that was killed from outside while it computed makes no call here that would end
 * it. Faults happen by themselves. */
static void end_as_killed(struct playback *r, struct slot *slot)
{
	struct stream_state *s = state_of(r, slot->stream);
	const struct deja_process *p = s ? s->process : NULL;
	int signo = p && p->status_known && WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;

	if (r->hold || !p || p->complete || s->truncated || slot->consumed < s->len || slot->finished ||
	    signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL ||
	    signo == SIGTRAP)
		return;
	if (!s->idle_since_ns)
		s->idle_since_ns = now_ns();
	if (now_ns() - s->idle_since_ns < KILLED_GRACE_NS)
		return;
	slot->finished = FINISHED_CUT;
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
		p.fd = r->pidfds[i];
		if (p.fd >= 0 && poll(&p, 1, 0) != 1) { /* a pending SIGCHLD fails it */
			alive++;
			end_as_killed(r, slot);
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

/* The loader could not lay out a program. */
static int tell_impossible(const struct playback *r, const struct slot *slot)
{
	cmd_error("%s: cannot be replayed here: %.*s", r->path,
		  (int)sizeof(slot->divergence.text) - 1, slot->divergence.text);
	return CMD_CANNOT_RUN;
}

static int tell_divergence(struct playback *r, const struct slot *slot)
{
	const struct slot_divergence *d = &slot->divergence;
	struct stream_state *s = state_of(r, slot->stream);
	struct divergence out = {
	    .pid = s && s->process ? s->process->pid : 0,
	    .tid = d->tid,
	    .stream = slot->stream,
	    .event_no = d->event_no,
	    .live_pid = descendants_has(d->live_pid) ? d->live_pid : 0,
	    .kind = d->kind,
	    .nr = (long)d->nr,
	    .arg = d->arg,
	    .expected = d->expected,
	    .got = d->got,
	    .offset = d->offset,
	    .got_len = d->got_len,
	    .expected_len = d->expected_len,
	    .regs = {d->rip, d->rsp, d->rbp, d->rbx, d->r12, d->r13, d->r14, d->r15},
	};

	r->diverged_stream = slot->stream;
	r->diverged_event = d->event_no;
	memcpy(out.args, d->args, sizeof(out.args));
	memcpy(out.got_bytes, d->got_bytes, sizeof(out.got_bytes));
	memcpy(out.expected_bytes, d->expected_bytes, sizeof(out.expected_bytes));
	memcpy(out.text, d->text, sizeof(out.text));
	out.text[sizeof(out.text) - 1] = 0;
	report_divergence_to(stderr, r->report_path, r->path, &out);
	return CMD_DIVERGED;
}

static int simple_divergence(struct playback *r, struct stream_state *s, unsigned kind,
			     const char *text)
{
	struct divergence d = {
	    .pid = s->process ? s->process->pid : 0,
	    .tid = s->process ? s->process->pid : 0,
	    .stream = s->stream,
	    .event_no = s->served + 1,
	    .kind = kind,
	    .nr = -1,
	};

	snprintf(d.text, sizeof(d.text), "%s", text);
	report_divergence_to(stderr, r->report_path, r->path, &d);
	return CMD_DIVERGED;
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
			return CMD_UNREADABLE;
		}
		if (diverged) {
			int status = diverged->divergence.kind == SLOT_CANNOT_RUN
					     ? tell_impossible(r, diverged)
					     : tell_divergence(r, diverged);

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
		if (!r->hold && watchdog_stuck(&dog, r->session.shared)) {
			watchdog_report(stderr, r->session.shared, r->rec);
			end_all(r);
			return CMD_DIVERGED;
		}
		session_wait(&r->session, seen, r->root_ended ? 1 : WAIT_MS);
	}
}

static bool same_status(int a, int b)
{
	return WIFSIGNALED(a) ? WIFSIGNALED(b) && WTERMSIG(a) == WTERMSIG(b)
			      : !WIFSIGNALED(b) && WEXITSTATUS(a) == WEXITSTATUS(b);
}

int playback_judge(struct playback *r)
{
	for (size_t i = 0; i < r->stream_count; i++) {
		struct stream_state *s = &r->streams[i];
		char text[128];

		if (!s->started && !r->header->complete)
			continue; /* its parent's stream ends before its birth */
		if (!s->started)
			return simple_divergence(r, s, DIVERGED_LEFT_OVER,
						 "this process was never started here");
		if (s->cut && s->process && s->process->complete && !s->truncated)
			return simple_divergence(r, s, DIVERGED_END,
						 "the recorded process ended by itself, but its "
						 "end is not in its stream");
		if (s->done && s->stream == 1 && !s->cut && !s->stopped && !s->truncated &&
		    r->header->status_known && !same_status(r->root_status, r->header->status))
			s->done = false;
		if (s->done)
			continue;
		if (s->stream == 1) {
			char status[64];

			snprintf(text, sizeof(text), "it ended here with %s",
				 cmd_status_text(true, r->root_status, status,
						 sizeof(status)));
		} else {
			snprintf(text, sizeof(text), "it ended before its recording did");
		}
		return simple_divergence(r, s, DIVERGED_DIED, text);
	}
	return 0;
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

	if (!patch && !session_can_dispatch()) {
		cmd_error("%s: cannot be replayed here: it was recorded with system call "
			  "dispatch, which this kernel lacks or refuses (Linux 5.11 has it)",
			  r->path);
		return CMD_CANNOT_RUN;
	}
	if (!session_create(&r->session, SESSION_REPLAY))
		return CMD_FAILED;
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
			return CMD_UNREADABLE;
	if (!link_files(r))
		return CMD_FAILED;
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

		if (sscanf(e->d_name, "p%u.zst%c", &n, &tail) != 1 || !n || state_of(r, n))
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

int playback_tell_limits(const struct playback *r)
{
	const struct deja_header *h = r->header;
	int status = 0;

	for (size_t i = 0; i < r->stream_count; i++) {
		const struct stream_state *s = &r->streams[i];
		const struct deja_process *p = s->process;
		const char *why = p && p->note_count ? p->notes[p->note_count - 1] : "";

		if (s->truncated) {
			cmd_error("%s: stream %u is truncated: replayed up to event %llu",
				  r->path, s->stream, (unsigned long long)s->served);
			status = CMD_UNREADABLE;
			continue;
		}
		if (!s->stopped)
			continue;
		if (!status)
			status = CMD_ENDED_EARLY;
		if (strcmp(why, h->cause)) /* else it is the same for all, and said below */
			cmd_error("%s: process %d is recorded up to event %llu only: %s", r->path,
				  p ? p->pid : 0, (unsigned long long)s->served, why);
	}
	if (!h->complete && status != CMD_UNREADABLE) {
		cmd_error("%s: replayed to its end, before the program's: %s", r->path, h->cause);
		status = CMD_ENDED_EARLY;
	} else if (!h->complete) {
		cmd_error("%s: the recording is incomplete (%s): replayed as far as it goes%s",
			  r->path, h->cause,
			  strcmp(h->cause, TF_CAUSE_RUNNING)
			      ? ""
			      : "; if its recorder was killed, `deja recover` may find more");
	}
	return status;
}
