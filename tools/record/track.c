/*
 * See track.h. Called for every event while it is written; reads those few that the header
 * and the warnings are made from.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "preload/exec_target.h"
#include "tools/cmd.h"
#include "tools/record/relay.h"
#include "tools/record/nspid.h"
#include "tools/record/track.h"
#include "tracefmt/calls.h"
#include "tracefmt/header.h"

static const char *external_reason(unsigned reason)
{
	switch (reason) {
	case EXEC_TARGET_STATIC:
		return "statically linked";
	case EXEC_TARGET_ARCH:
		return "not an x86-64 program";
	case EXEC_TARGET_SETUID:
		return "runs with other privileges (set-uid, set-gid or capabilities)";
	case EXEC_TARGET_LIBC:
		return "uses another C library";
	case EXEC_TARGET_NO_SLOT:
		return "too many processes at once";
	case EXEC_TARGET_LISTS:
		return "only lists the libraries of a program";
	case EXEC_TARGET_NO_WAY:
		return "cannot reach /dev/shm: another root directory or user; its output is "
		       "recorded only if it passes through a recorded process";
	case EXEC_TARGET_SANDBOX:
		return "a seccomp filter forbids calls of the recorder; its output is recorded only if it "
		       "passes through a recorded process";
	case EXEC_TARGET_TWO_USERS:
		return "its real and effective user or group differ, so the system ignores preloading";
	case EXEC_TARGET_NO_FD:
		return "no file descriptor left to load it with";
	}
	return "unknown reason";
}

static void add_text(char ***list, size_t *count, const char *text, size_t len)
{
	char **grown = realloc(*list, (*count + 1) * sizeof(char *));
	char *copy = strndup(text, len);

	if (grown)
		*list = grown;
	if (!grown || !copy) {
		free(copy);
		return;
	}
	(*list)[(*count)++] = copy;
}

/* Programs that are not recorded are named one by one up to so many, for each of the two reasons. */
enum { PROGRAMS_TOLD = 8 };

static bool is_warned(const struct supervisor *sv, const char *text)
{
	for (size_t i = 0; i < sv->warning_count; i++)
		if (!strcmp(sv->warnings[i], text))
			return true;
	return false;
}

/* The same again (a program that is executed in a loop) is not said again. */
void supervisor_warn(struct supervisor *sv, const char *text)
{
	if (is_warned(sv, text))
		return;
	if (sv->session) /* else it was said when it happened */
		cmd_error("warning: %s", text);
	add_text(&sv->warnings, &sv->warning_count, text, strlen(text));
}

/* --- what the supervisor reads in the events it moves --- */

static void see_image(struct track *t, const uint8_t *ev, size_t len)
{
	struct tf_image img;

	if (tf_image_decode(ev, len, &img) < 0)
		return;
	for (size_t i = 0; i < t->argc; i++)
		free(t->argv[i]);
	t->argc = 0;
	for (size_t i = 0; i < img.argc; i++)
		add_text(&t->argv, &t->argc, (const char *)img.argv[i].data, img.argv[i].len);
	t->pid = img.pid;
	t->ppid = img.ppid;
	living_begin(&t->living, img.pid, img.tid);
	tf_image_free(&img);
}

/* --- images that never came up under the runtime --- */

static void exec_begins(struct track *t, uint32_t stream, const char *path)
{
	struct supervisor *sv = t->sv;
	struct pending_exec *grown = realloc(sv->execs, (sv->exec_count + 1) * sizeof(*grown));

	if (!grown)
		return;
	sv->execs = grown;
	grown[sv->exec_count++] = (struct pending_exec){
	    .stream = stream, .from = t->stream, .pid = t->pid, .path = strdup(path)};
}

static void exec_resolved(struct supervisor *sv, size_t i)
{
	free(sv->execs[i].path);
	sv->execs[i] = sv->execs[--sv->exec_count];
}

static void exec_came_up(struct supervisor *sv, uint32_t stream)
{
	for (size_t i = 0; i < sv->exec_count; i++)
		if (sv->execs[i].stream == stream) {
			if (sv->execs[i].from != stream && !sv->tracks[stream - 1]->parent)
				sv->tracks[stream - 1]->parent = sv->execs[i].from;
			exec_resolved(sv, i);
			return;
		}
}

static void exec_failed(struct supervisor *sv, uint32_t from)
{
	for (size_t i = sv->exec_count; i-- > 0;)
		if (sv->execs[i].from == from) {
			exec_resolved(sv, i);
			return;
		}
}

/* Streams are read one after the other: the image may have been seen first. */
static bool exec_is_lost(const struct supervisor *sv, const struct pending_exec *x)
{
	return x->stream == x->from || x->stream > sv->track_count || !sv->tracks[x->stream - 1] ||
	       !sv->tracks[x->stream - 1]->argc;
}

/* A line for each program, however often it was executed; of many programs, for the first ones. */
static void tell_lost_execs(struct supervisor *sv)
{
	size_t told = 0, untold = 0;

	for (size_t i = sv->exec_count; i-- > 0;)
		if (!sv->execs[i].path || !exec_is_lost(sv, &sv->execs[i]))
			exec_resolved(sv, i);
	for (size_t i = 0; i < sv->exec_count; i++) {
		const struct pending_exec *x = &sv->execs[i];
		char text[512], more[40] = "";
		size_t again = 0;

		for (size_t k = sv->exec_count; --k > i;)
			if (!strcmp(sv->execs[k].path, x->path)) {
				exec_resolved(sv, k);
				again++;
			}
		if (told == PROGRAMS_TOLD) {
			untold += 1 + again;
			continue;
		}
		told++;
		if (again)
			snprintf(more, sizeof(more), " and %zu times more", again);
		snprintf(text, sizeof(text),
			 "%.300s, executed by process %d%s, is not recorded: it ended before the "
			 "recorder came up in it",
			 x->path, x->pid, more);
		supervisor_warn(sv, text);
	}
	if (untold) {
		char text[160];

		snprintf(text, sizeof(text), "%zu executions of other programs are not recorded: they ended before the "
			 "recorder came up in them", untold);
		supervisor_warn(sv, text);
	}
}

void track_tell_unrecorded(struct supervisor *sv)
{
	char text[160];

	if (!sv->closed) /* else they may yet come up */
		tell_lost_execs(sv);
	if (!sv->externals_untold)
		return;
	snprintf(text, sizeof(text), "%zu executions of other programs are not recorded themselves either: `deja info` "
		 "names them", sv->externals_untold);
	supervisor_warn(sv, text);
}

/* Its own faults happen again at the same place. */
static bool dies_alike(int status)
{
	switch (WIFSIGNALED(status) ? WTERMSIG(status) : 0) {
	case 0:
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGABRT:
		return true;
	}
	return false;
}

void track_tell_died_in_turn(struct supervisor *sv)
{
	for (size_t i = 0; i < sv->track_count; i++) {
		const struct track *t = sv->tracks[i];
		char text[200];

		if (!t || !t->died_in_turn || t->stopped || (t->status_known && dies_alike(t->status)))
			continue;
		snprintf(text, sizeof(text),
			 "process %d was killed from outside while it ran and others shared its "
			 "memory: what it wrote there last may differ in a replay", t->pid);
		supervisor_warn(sv, text);
	}
}

/* The image's own stream, 0: this one. */
static uint32_t see_exec(struct track *t, struct tf_in *in)
{
	struct supervisor *sv = t->sv;
	struct deja_external *grown;
	char text[512], path[256];
	const uint8_t *bytes;
	uint32_t len, external, stream;

	tf_get_int(in); /* dt */
	bytes = tf_get_bytes(in, &len);
	external = (uint32_t)tf_get_int(in);
	stream = (uint32_t)tf_get_int(in);
	if (in->bad)
		return 0;
	snprintf(path, sizeof(path), "%.*s", (int)len, (const char *)bytes);
	if (!external) {
		exec_begins(t, stream ? stream : t->stream, path);
		return stream;
	}
	grown = realloc(sv->externals, (sv->external_count + 1) * sizeof(*grown));
	if (!grown)
		return stream;
	sv->externals = grown;
	grown[sv->external_count++] = (struct deja_external){
	    .pid = t->pid, .path = strdup(path), .reason = external_reason(external)};
	snprintf(text, sizeof(text), "%s is not recorded itself (%s)%s", path,
		 external_reason(external), external == EXEC_TARGET_NO_WAY || external == EXEC_TARGET_SANDBOX ? "" : "; its output is");
	if (is_warned(sv, text))
		return stream;
	if (sv->externals_told == PROGRAMS_TOLD) {
		sv->externals_untold++;
		return stream;
	}
	sv->externals_told++;
	supervisor_warn(sv, text);
	return stream;
}

static struct track *track_by_pid(struct supervisor *sv, int pid)
{
	for (size_t i = sv->track_count; i-- > 0;)
		if (sv->tracks[i] && sv->tracks[i]->pid == pid)
			return sv->tracks[i];
	return NULL;
}

static void see_wait4(struct supervisor *sv, struct tf_in *in)
{
	const uint8_t *bytes;
	uint32_t len;
	int pid, status;
	struct track *child;

	tf_get_int(in); /* dt */
	tf_get_int(in); /* dur */
	pid = (int)tf_get_int(in);
	tf_get_int(in); /* pid */
	tf_get_int(in); /* options */
	if (pid <= 0 || tf_peek(in) == 0xc0)
		return;
	bytes = tf_get_bytes(in, &len);
	if (in->bad || len != 4)
		return;
	memcpy(&status, bytes, 4);
	child = track_by_pid(sv, pid);
	if (child && (WIFEXITED(status) || WIFSIGNALED(status))) {
		child->status = status;
		child->status_known = true;
	}
}

/* The first event knows better when the process began than we, who look from time to time;
 * its time is relative to nothing. */
static void see_beginning(struct track *t, unsigned id, struct tf_in in)
{
	int64_t time = tf_get_int(&in);

	if (!t->begun && (id == TF_EV_IMAGE || id == TF_EV_CHILD) && !in.bad &&
	    time < t->start_ns)
		t->start_ns = time;
	t->begun = true;
}

/* What a process's recorder remarks. One remark of many processes is said once. */
static void warn_of(struct track *t, unsigned id, const char *note, int len)
{
	const struct supervisor *sv = t->sv;
	char text[320];

	if (id == TF_EV_END && sv->closed)
		return; /* it is said once, for all */
	for (size_t i = 0; id == TF_EV_NOTE && i < sv->warning_count; i++) {
		size_t whole = strlen(sv->warnings[i]);

		if (whole >= (size_t)len && !memcmp(sv->warnings[i] + whole - len, note, (size_t)len))
			return;
	}
	snprintf(text, sizeof(text), "process %d%s: %.*s", t->pid,
		 id == TF_EV_END ? " is recorded up to here only" : "", len, note);
	supervisor_warn(t->sv, text);
}

/* Of the command. */
static void see_signal(struct tf_in *in)
{
	siginfo_t info;
	const uint8_t *bytes;
	uint32_t len;

	tf_get_int(in); /* dt */
	tf_get_int(in);
	bytes = tf_get_bytes(in, &len);
	if (in->bad || len != sizeof(info))
		return;
	memcpy(&info, bytes, sizeof(info));
	if (info.si_code == SI_USER)
		relay_seen(info.si_signo, info.si_pid);
}

void track_see_event(void *arg, unsigned id, const uint8_t *ev, size_t len)
{
	static unsigned exit_id, exit_group_id, clone_id, wait4_id, execve_id, execveat_id;
	struct track *t = arg;
	struct tf_in in = {ev, ev + len, 0};
	const uint8_t *bytes;
	int64_t result;
	uint32_t n, exec_stream;

	if (!exit_group_id) {
		exit_id = tf_call_by_nr(SYS_exit)->id;
		clone_id = tf_call_by_nr(SYS_clone)->id;
		exit_group_id = tf_call_by_nr(SYS_exit_group)->id;
		wait4_id = tf_call_by_nr(SYS_wait4)->id;
		execve_id = tf_call_by_nr(SYS_execve)->id;
		execveat_id = tf_call_by_nr(SYS_execveat)->id;
	}
	if (id != TF_EV_END)
		t->exited = false;
	if (id == execve_id || id == execveat_id) {
		exec_failed(t->sv, t->stream);
		living_exec_failed(&t->living);
		return;
	}
	if (id == TF_EV_CLOCK || (id >= TF_ID_FIRST && id != exit_group_id && id != exit_id &&
				  id != clone_id && id != wait4_id))
		return;
	tf_get_array(&in);
	tf_get_int(&in);
	see_beginning(t, id, in);
	switch (id) {
	case TF_EV_IMAGE:
		exec_came_up(t->sv, t->stream);
		see_image(t, ev, len);
		return;
	case TF_EV_EXEC:
		exec_stream = see_exec(t, &in);
		t->exited = living_exec(&t->living, exec_stream);
		return;
	case TF_EV_END:
		tf_get_int(&in);
		/* fall through */
	case TF_EV_NOTE:
		bytes = tf_get_bytes(&in, &n);
		if (in.bad)
			return;
		add_text(&t->notes, &t->note_count, (const char *)bytes, n);
		t->stopped |= id == TF_EV_END;
		if (n < strlen(TF_NOTE_REMARK) || memcmp(bytes, TF_NOTE_REMARK, strlen(TF_NOTE_REMARK)))
			warn_of(t, id, (const char *)bytes, (int)n);
		return;
	case TF_EV_SIGNAL:
		if (t->stream == 1)
			see_signal(&in);
		return;
	case TF_EV_DOMAIN:
		n = (uint32_t)tf_get_int(&in);
		if (n < DOMAIN_COUNT)
			t->domain_turn[n] = (uint64_t)tf_get_int(&in);
		return;
	case TF_EV_CHILD:
		tf_get_int(&in); /* dt */
		t->parent = (uint32_t)tf_get_int(&in);
		t->pid = (int)tf_get_int(&in);
		t->ppid = (int)tf_get_int(&in);
		living_begin(&t->living, t->pid, (int)tf_get_int(&in));
		return;
	case TF_EV_THREAD:
		t->living.tid = (int)tf_get_int(&in);
		return;
	}
	if (id == wait4_id) {
		see_wait4(t->sv, &in);
	} else if (id >= TF_ID_FIRST) {
		tf_get_int(&in); /* dt */
		tf_get_int(&in); /* dur */
		result = tf_get_int(&in);
		if (id == clone_id)
			living_clone(&t->living, (uint64_t)tf_get_int(&in), result);
		else
			t->exited = living_exit(&t->living, id == exit_group_id, (int)tf_get_int(&in));
	}
}

void track_fill_header(struct supervisor *sv, struct deja_header *h)
{
	struct deja_process *processes = calloc(sv->track_count + 1, sizeof(*processes));

	h->process_count = 0;
	h->event_count = h->byte_len = 0;
	for (size_t i = 0; processes && i < sv->track_count; i++) {
		const struct track *t = sv->tracks[i];
		struct deja_process *p = &processes[h->process_count];

		if (!t || (!t->event_count && i))
			continue;
		h->process_count++;
		*p = (struct deja_process){
		    .stream = t->stream,
		    .parent = t->parent,
		    .pid = t->pid,
		    .ppid = t->ppid,
		    .start_ns = t->start_ns,
		    .end_ns = t->end_ns,
		    .event_count = t->event_count,
		    .byte_len = t->byte_len,
		    .status_known = t->status_known || (t->exited && t->living.status_known),
		    .status = t->status_known ? t->status : t->living.status,
		    .complete = t->exited,
		    .argc = t->argc,
		    .argv = (const char *const *)t->argv,
		    .note_count = t->note_count,
		    .notes = (const char *const *)t->notes,
		};
		h->event_count += t->event_count;
		h->byte_len += t->byte_len;
		if (t->stopped && !sv->cause[0])
			snprintf(sv->cause, sizeof(sv->cause),
				 "process %d is recorded in part: %s", t->pid,
				 t->note_count ? t->notes[t->note_count - 1] : "");
	}
	h->processes = processes;
	h->externals = sv->externals;
	h->external_count = sv->external_count;
	h->warnings = (const char *const *)sv->warnings;
	h->warning_count = sv->warning_count;
	h->status_known = sv->root_ended;
	h->status = sv->root_status;
	h->complete = !sv->cause[0];
	h->cause = sv->cause;
}

static bool is_taken(void *arg, pid_t pid)
{
	const struct supervisor *sv = arg;

	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (sv->slot_track[i] && sv->tracks[sv->slot_track[i] - 1]->live_pid == pid)
			return true;
	return false;
}

pid_t track_live_pid(struct track *t, const struct slot *slot, bool *possible)
{
	struct supervisor *sv = t->sv;

	*possible = true;
	if (!t->live_pid && sv->session->shared->pid_namespaces)
		t->live_pid = nspid_outer(slot->pid, sv->session->dir, false, is_taken, sv, possible);
	else if (!t->live_pid)
		t->live_pid = slot->pid;
	return t->live_pid;
}
