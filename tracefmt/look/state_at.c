/*
 * The state of a recording at one moment (deja_look.h): the tracker fed up to it, and then, by
 * reading on, the call that each thread is in.
 */
#include <stdlib.h>
#include <string.h>

#include "tracefmt/error.h"
#include "tracefmt/look/look.h"
#include "tracefmt/wire.h"

bool deja_io_in_flight(const struct deja_io *io)
{
	return io->accepted && io->pending;
}

static void add_message(struct deja_state *s, const struct deja_event *ev,
			const struct deja_leg *leg)
{
	struct deja_message *m;
	struct deja_payload p;
	struct deja_bytes piece;

	if (leg->io->kind == DEJA_IO_FILE || leg->io->kind == DEJA_IO_DIRECTORY ||
	    leg->io->kind == DEJA_IO_EVENTFD || leg->io->kind == DEJA_IO_TIMERFD)
		return;
	if (s->message_count == DEJA_MESSAGE_MAX) {
		s->message_count--;
		memmove(&s->message[0], &s->message[1], s->message_count * sizeof(*m));
	}
	m = &s->message[s->message_count++];
	memset(m, 0, sizeof(*m));
	m->io_id = leg->io->id;
	m->inbound = leg->inbound;
	m->stream = ev->stream;
	m->event = ev->number;
	m->time_ns = ev->time_ns;
	m->len = leg->len;
	deja_payload_begin(&p, ev, leg);
	while (m->head_len < sizeof(m->head) && deja_payload_next(&p, &piece)) {
		size_t n = sizeof(m->head) - m->head_len;

		n = n < piece.len ? n : piece.len;
		memcpy(m->head + m->head_len, piece.data, n);
		m->head_len += n;
	}
}

static int compare_threads(const void *a, const void *b)
{
	const struct deja_thread_state *x = a, *y = b;

	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static int list_threads(struct deja_state *s, struct deja_error *err)
{
	const deja_tracker *t = s->tracker;
	size_t count = 0;

	for (size_t i = 0; i < t->process_count; i++)
		count += t->processes[i]->tid_count;
	for (size_t i = 0; i < t->waiting_count; i++)
		count += t->waiting[i].tid != 0;
	s->thread = calloc(count + 1, sizeof(*s->thread));
	if (!s->thread)
		return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < t->process_count; i++)
		for (size_t k = 0; k < t->processes[i]->tid_count; k++)
			s->thread[s->thread_count++] =
			    (struct deja_thread_state){.stream = t->processes[i]->stream,
						       .pid = t->processes[i]->pid,
						       .tid = t->processes[i]->tids[k]};
	for (size_t i = 0; i < t->waiting_count; i++)
		if (t->waiting[i].tid)
			s->thread[s->thread_count++] =
			    (struct deja_thread_state){.stream = t->waiting[i].stream,
						       .pid = (int32_t)t->waiting[i].tid,
						       .tid = (int32_t)t->waiting[i].tid};
	qsort(s->thread, s->thread_count, sizeof(*s->thread), compare_threads);
	return 0;
}

/* Events that only announce the call that follows. */
static bool announces(unsigned id)
{
	return id == TF_EV_THREAD || id == TF_EV_OUTPUT || id == TF_EV_SPAWN ||
	       id == TF_EV_EXEC || id == TF_EV_FILE || id == TF_EV_SHADOW || id == TF_EV_NOTE ||
	       id == TF_EV_MEMORY || id == TF_EV_STACK || id == TF_EV_MOVED || id == TF_EV_ADDRESS;
}

/* Reads on until each thread's next event is known. */
static void find_calls(struct deja_state *s, deja_cursor *cur, struct deja_event *ev, int rc)
{
	bool *known = calloc(s->thread_count + 1, sizeof(*known));
	size_t left = s->thread_count;
	struct deja_error own = {0};

	for (; known && left && rc != 0; rc = deja_next(cur, ev, &own)) {
		struct deja_thread_state key = {.stream = ev->stream, .tid = ev->tid}, *th;

		if (rc < 0) {
			if (own.code == DEJA_E_TRUNCATED)
				continue;
			break;
		}
		if (announces(ev->id))
			continue;
		th = bsearch(&key, s->thread, s->thread_count, sizeof(key), compare_threads);
		if (!th || known[th - s->thread])
			continue;
		known[th - s->thread] = true;
		left--;
		if (ev->id >= TF_ID_FIRST && ev->dur_ns > 0 &&
		    ev->time_ns - ev->dur_ns <= s->when.time_ns) {
			th->id = ev->id;
			th->since_ns = ev->time_ns - ev->dur_ns;
			th->event = ev->number;
		}
	}
	free(known);
}

struct deja_state *deja_state_at(deja_recording *rec, const struct deja_when *when,
				 struct deja_error *err)
{
	struct deja_state *s = calloc(1, sizeof(*s));
	deja_cursor *cur = NULL;
	struct deja_error own = {0};
	struct deja_sight sight;
	struct deja_event ev;
	int rc = 0;

	if (!s) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	s->when = *when;
	s->tracker = deja_tracker_new(rec, err);
	cur = s->tracker ? deja_cursor_open(rec, 0, err) : NULL;
	if (!cur)
		goto fail;
	for (;;) {
		rc = deja_next(cur, &ev, &own);
		if (rc < 0 && own.code == DEJA_E_TRUNCATED)
			continue;
		if (rc <= 0 || ev.time_ns > when->time_ns)
			break;
		if (deja_tracker_feed(s->tracker, &ev, &sight, err) < 0)
			goto fail;
		s->event_count++;
		for (size_t i = 0; i < sight.leg_count; i++) {
			*(sight.leg[i].inbound ? &s->in_len : &s->out_len) += sight.leg[i].len;
			add_message(s, &ev, &sight.leg[i]);
		}
		if (when->stream && ev.stream == when->stream && ev.number == when->number) {
			rc = deja_next(cur, &ev, &own);
			break;
		}
	}
	if (rc < 0 && own.code != DEJA_E_TRUNCATED) {
		if (err)
			*err = own;
		goto fail;
	}
	s->turn_count = deja_tracker_turn_count(s->tracker);
	if (list_threads(s, err) < 0)
		goto fail;
	find_calls(s, cur, &ev, rc);
	deja_cursor_close(cur);
	return s;
fail:
	if (cur)
		deja_cursor_close(cur);
	deja_state_free(s);
	return NULL;
}

void deja_state_free(struct deja_state *s)
{
	if (!s)
		return;
	deja_tracker_free(s->tracker);
	free(s->thread);
	free(s);
}
