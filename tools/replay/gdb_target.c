/*
 * Finds what a debugger is to look at: process, image and event. Called by `deja gdb` and `deja
 * workspace`.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "tools/cmd.h"
#include "tools/replay/gdb.h"
#include "tracefmt/calls.h"
#include "tracefmt/deja_look.h"
#include "tracefmt/header.h"
#include "tracefmt/wire.h"

/* Sets t->stream, too, when the text names a process's event. */
static bool parse_stop(deja_recording *rec, struct debug_target *t, const char *text)
{
	struct deja_error err = {0};
	struct deja_when when;
	char *end;

	if (!text) {
		t->stop = STOP_MAIN;
		return true;
	}
	if (!strcmp(text, "start")) {
		t->stop = STOP_START;
		return true;
	}
	if (!strcmp(text, "crash")) {
		t->stop = STOP_CRASH;
		return true;
	}
	errno = 0;
	t->event = strtoull(text, &end, 10);
	if (end != text && !*end && text[0] != '-' && !errno && t->event) {
		t->stop = STOP_EVENT;
		return true;
	}
	if (deja_when_parse(rec, text, NULL, &when, &err) < 0) {
		cmd_error("gdb: -g: %s; or `start`, `crash`", err.message);
		return false;
	}
	t->stop = when.stream ? STOP_EVENT : STOP_TIME;
	t->stream = when.stream;
	t->event = when.number;
	t->time_ns = when.time_ns;
	return true;
}

static const struct deja_process *process_of(const struct deja_header *h, uint32_t stream)
{
	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].stream == stream)
			return &h->processes[i];
	return NULL;
}

/* The wait status in what the parent's wait4 or waitid gave for this pid. */
static bool status_in(const struct deja_event *ev, int32_t pid, int *status)
{
	const struct tf_call *call = tf_call_by_id(ev->id);
	long nr = call ? call->nr : -1;

	if (nr != SYS_wait4 && nr != SYS_waitid)
		return false;
	for (size_t i = 0; i < ev->item_count; i++) {
		const struct deja_item *item = &ev->items[i];
		const uint8_t *bytes = item->bytes.data;
		siginfo_t info;

		if (!item->present || item->is_digest || !item->inbound)
			continue;
		if (nr == SYS_wait4 && item->arg == 1 && ev->result == pid &&
		    item->bytes.len >= sizeof(*status)) {
			memcpy(status, bytes, sizeof(*status));
			return true;
		}
		if (nr != SYS_waitid || item->arg != 2 || item->bytes.len < sizeof(info))
			continue;
		memcpy(&info, bytes, sizeof(info));
		if (info.si_pid != pid)
			continue;
		*status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8
						     : info.si_status & 0x7f;
		return true;
	}
	return false;
}

/* The signal that ended the process, 0: none, or nobody knows. A child's end is what its parent
 * was told. */
static int ending_signal(deja_recording *rec, const struct deja_process *p)
{
	struct deja_error err = {0};
	struct deja_event ev;
	deja_cursor *cur;
	int status = 0;

	if (p->status_known)
		return WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;
	cur = p->parent ? deja_cursor_open(rec, p->parent, &err) : NULL;
	while (cur && deja_next(cur, &ev, &err) == 1)
		if (ev.time_ns >= p->start_ns && status_in(&ev, p->pid, &status))
			break;
	if (cur)
		deja_cursor_close(cur);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* The process meant: the last stream of this pid, or else the command, or the one that
 * crashed. */
static const struct deja_process *find_process(deja_recording *rec, int32_t pid,
					       enum debug_stop stop)
{
	const struct deja_header *h = deja_header(rec);
	const struct deja_process *found = NULL;

	for (size_t i = 0; i < h->process_count; i++) {
		const struct deja_process *p = &h->processes[i];

		if (!p->event_count)
			continue;
		if (pid ? p->pid == pid : p->stream == 1)
			found = p;
	}
	if (pid || stop != STOP_CRASH || !found || ending_signal(rec, found))
		return found;
	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].event_count && ending_signal(rec, &h->processes[i]))
			return &h->processes[i];
	return found;
}

/* Reads the stream through: its images, its end, and the event at a time. False after
 * printing why not. */
static bool find_event(deja_recording *rec, struct debug_target *t)
{
	struct deja_error err = {0};
	struct deja_event ev;
	deja_cursor *cur = deja_cursor_open(rec, t->stream, &err);
	bool timed = t->stop != STOP_TIME;
	int got = -1;

	while (cur && (got = deja_next(cur, &ev, &err)) == 1) {
		t->last_event = ev.number;
		if (!timed && ev.time_ns >= t->time_ns && ev.id >= TF_ID_FIRST) {
			t->event = ev.number;
			timed = true;
		}
		if ((ev.id != TF_EV_IMAGE && ev.id != TF_EV_CHILD) ||
		    (t->image_event && (t->stop == STOP_EVENT || t->stop == STOP_TIME) &&
		     t->event && ev.number > t->event))
			continue;
		t->image_event = ev.number;
		t->image_file = 0;
		t->is_child = ev.id == TF_EV_CHILD;
		if (ev.id == TF_EV_IMAGE) {
			struct tf_image img;

			if (tf_image_decode(ev.raw.data, ev.raw.len, &img) < 0)
				continue;
			t->image_file = img.file;
			tf_image_free(&img);
		}
	}
	if (cur)
		deja_cursor_close(cur);
	if (!cur || (got < 0 && err.code != DEJA_E_TRUNCATED) || !t->image_event) {
		cmd_error("gdb: stream %u cannot be read: %s", t->stream,
			  err.code ? err.message : "it holds no program image");
		return false;
	}
	if (t->stop == STOP_TIME && !timed && t->time_ns <= deja_header(rec)->duration_ns) {
		t->event = t->last_event; /* other processes went on */
		timed = true;
	}
	if (t->stop == STOP_TIME && !timed) {
		cmd_error("gdb: process %d has no event so late: its last is %" PRIu64
			  "; `deja cat` shows times",
			  (int)t->pid, t->last_event);
		return false;
	}
	if (t->stop == STOP_TIME)
		t->stop = STOP_EVENT;
	if (t->stop == STOP_EVENT && t->event > t->last_event) {
		cmd_error("gdb: process %d has no event %" PRIu64 ": its last is %" PRIu64,
			  (int)t->pid, t->event, t->last_event);
		return false;
	}
	return true;
}

/* A forked child runs its parent's image. */
static uint32_t file_of_image(deja_recording *rec, struct debug_target *t)
{
	const struct deja_header *h = deja_header(rec);
	uint32_t stream = t->stream;
	struct debug_target above = *t;

	for (size_t depth = 0; !above.image_file && depth < h->process_count; depth++) {
		uint32_t parent = 0;

		for (size_t i = 0; i < h->process_count; i++)
			if (h->processes[i].stream == stream)
				parent = h->processes[i].parent;
		if (!parent)
			break;
		stream = parent;
		above = (struct debug_target){.stream = stream};
		if (!find_event(rec, &above))
			break;
	}
	return above.image_file;
}

bool debug_target_find(deja_recording *rec, const char *stop, int32_t pid,
		       struct debug_target *t)
{
	const struct deja_header *h = deja_header(rec);
	const struct deja_process *p;

	*t = (struct debug_target){0};
	if (!parse_stop(rec, t, stop))
		return false;
	p = t->stream ? process_of(h, t->stream) : find_process(rec, pid, t->stop);
	if (!p && pid) {
		cmd_error("gdb: no process %d in this recording; `deja ps` lists them",
			  (int)pid);
		return false;
	}
	t->stream = p ? p->stream : t->stream ? t->stream : 1;
	t->pid = p ? p->pid : 0;
	if (p && (t->stop == STOP_CRASH || p->status_known))
		t->signal = ending_signal(rec, p);
	if (t->stop == STOP_CRASH && !t->signal) {
		char status[64];

		cmd_error("gdb: there is no crash: the recorded program ended with %s",
			  p ? cmd_status_text(p->status_known, p->status, status,
					      sizeof(status))
			    : "an unknown status");
		return false;
	}
	if (!find_event(rec, t))
		return false;
	if (!t->image_file)
		t->image_file = file_of_image(rec, t);
	return true;
}
