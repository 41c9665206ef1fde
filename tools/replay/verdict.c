/*
 * See verdict.h.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "tools/cmd.h"
#include "tools/descendants.h"
#include "tools/replay/report.h"
#include "tools/replay/verdict.h"
#include "tracefmt/header.h"

int verdict_impossible(const struct playback *r, const struct slot *slot)
{
	cmd_error("%s: cannot be replayed here: %.*s", r->path,
		  (int)sizeof(slot->divergence.text) - 1, slot->divergence.text);
	return CMD_CANNOT_RUN;
}

int verdict_divergence(struct playback *r, const struct slot *slot)
{
	const struct slot_divergence *d = &slot->divergence;
	struct stream_state *s = playback_stream(r, slot->stream);
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
	report_divergence(stderr, r->report_path, r->path, &out);
	return CMD_DIVERGED;
}

/* Reports a difference that no process met: `kind` (enum divergence_kind) and one sentence.
 * The exit status to give. */
static int verdict_simple(struct playback *r, struct stream_state *s, unsigned kind,
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
	report_divergence(stderr, r->report_path, r->path, &d);
	return CMD_DIVERGED;
}

/* Of the command. The codes that its threads gave exit were compared when they did. */
static bool same_status(const struct stream_state *s, int a, int b)
{
	return WIFSIGNALED(a) ? WIFSIGNALED(b) && WTERMSIG(a) == WTERMSIG(b)
			      : !WIFSIGNALED(b) &&
					(s->last_exited || WEXITSTATUS(a) == WEXITSTATUS(b));
}

int playback_judge(struct playback *r)
{
	for (size_t i = 0; i < r->stream_count; i++) {
		struct stream_state *s = &r->streams[i];
		char text[128];

		if (!s->started && !r->header->complete)
			continue; /* its parent's stream ends before its birth */
		if (!s->started)
			return verdict_simple(r, s, DIVERGED_LEFT_OVER,
						 "this process was never started here");
		if (s->cut && s->process && s->process->complete && !s->truncated)
			return verdict_simple(r, s, DIVERGED_END,
						 "the recorded process ended by itself, but its "
						 "end is not in its stream");
		if (s->done && s->stream == 1 && !s->cut && !s->stopped && !s->truncated &&
		    r->header->status_known && !same_status(s, r->root_status, r->header->status))
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
		return verdict_simple(r, s, DIVERGED_DIED, text);
	}
	return 0;
}

int playback_tell_limits(const struct playback *r)
{
	const struct deja_header *h = r->header;
	struct deja_error err = {0};
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
		/* where one was killed, nothing else tells that there was more */
		if (s->cut && p && !cmd_stream_whole(r->rec, p, &err)) {
			cmd_error("%s: stream %u is cut: %s: replayed up to event %llu", r->path,
				  s->stream, err.message, (unsigned long long)s->served);
			status = CMD_UNREADABLE;
			continue;
		}
		if (s->cut && p && h->complete && !cmd_stream_has_end(r->rec, p)) {
			char text[64];

			cmd_error("%s: process %d is recorded up to event %llu only: it ended with %s, and its end is not "
				  "in its stream", r->path, p->pid, (unsigned long long)s->served,
				  cmd_status_text(true, p->status, text, sizeof(text)));
			status = status ? status : CMD_ENDED_EARLY;
		}
		if (!s->stopped)
			continue;
		if (!status)
			status = CMD_ENDED_EARLY;
		if (h->complete || strcmp(why, h->cause)) /* else it is the same for all, said below */
			cmd_error("%s: process %d is recorded up to event %llu only: %s", r->path,
				  p ? p->pid : 0, (unsigned long long)s->served,
				  *why ? why : "the recording does not say why");
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
	if (r->echo_error) {
		cmd_error("%s: everything was replayed, but its output could not be written: %s",
			  r->path, strerror(r->echo_error));
		status = CMD_FAILED;
	}
	return status;
}
