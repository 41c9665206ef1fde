/*
 * Collects a recording's events as the columns of a report's page. Memory grows with what the
 * page will hold, which the limits of report.h bound.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tools/look/report.h"
#include "tracefmt/parts.h"

static void comma(struct tf_text *t)
{
	if (t->at != t->begin)
		tf_put_bytes(t, ",", 1);
}

static void add_int(struct tf_text *t, int64_t value)
{
	comma(t);
	tf_put_dec(t, value);
}

static size_t thread_of(struct report_data *d, const struct deja_event *ev)
{
	struct report_thread *grown;

	for (size_t i = d->thread_count; i-- > 0;)
		if (d->threads[i].tid == ev->tid && d->threads[i].stream == ev->stream)
			return i;
	grown = realloc(d->threads, (d->thread_count + 1) * sizeof(*grown));
	if (!grown) {
		d->no_memory = true;
		return 0;
	}
	d->threads = grown;
	grown[d->thread_count] = (struct report_thread){ev->stream, ev->pid, ev->tid};
	return d->thread_count++;
}

static void put_base64(struct tf_text *t, const uint8_t *p, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0) |
			     (i + 2 < len ? p[i + 2] : 0);
		char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
				i + 1 < len ? digits[v >> 6 & 63] : '=',
				i + 2 < len ? digits[v & 63] : '='};

		tf_put_bytes(t, four, 4);
	}
}

/* Appends a piece of payload, as much of it as the page takes. */
static void add_piece(struct report_data *d, bool *any, unsigned what, const uint8_t *bytes,
		      size_t len, uint64_t whole)
{
	if (len > d->payload_max)
		len = d->payload_max;
	if (len > REPORT_PAYLOAD_ALL - d->payload_len) {
		len = 0;
		d->payload_left_out++;
	}
	d->payload_len += len;
	put_base64(&d->payload, bytes, len);
	tf_put(&d->pieces, "%s%u,%zu,%" PRIu64, *any ? "," : "[", what, len, whole);
	*any = true;
}

static void add_leg(struct report_data *d, bool *any, const struct deja_event *ev,
		    const struct deja_leg *leg)
{
	struct deja_payload p;
	struct deja_bytes piece;
	uint8_t *whole = NULL;
	size_t len = 0;

	deja_payload_begin(&p, ev, leg);
	while (len < d->payload_max && deja_payload_next(&p, &piece)) {
		uint8_t *grown;

		if (piece.len > d->payload_max - len)
			piece.len = d->payload_max - len;
		if (!piece.len)
			continue;
		grown = realloc(whole, len + piece.len);
		if (!grown) {
			d->no_memory = true;
			break;
		}
		whole = grown;
		memcpy(whole + len, piece.data, piece.len);
		len += piece.len;
	}
	add_piece(d, any, leg->inbound ? 0 : 1, whole, len, leg->len);
	free(whole);
}

/* What the event carried through a descriptor; else the memory that the call read or wrote. */
static void add_payload(struct report_data *d, const struct deja_event *ev,
			const struct deja_sight *sight)
{
	bool any = false;

	comma(&d->pieces);
	for (size_t i = 0; i < sight->leg_count; i++)
		if (sight->leg[i].len)
			add_leg(d, &any, ev, &sight->leg[i]);
	for (size_t i = 0; !sight->leg_count && i < ev->item_count; i++) {
		const struct deja_item *item = &ev->items[i];

		if (item->present && !item->is_digest && item->bytes.len)
			add_piece(d, &any, 2 + 2 * item->arg + item->inbound, item->bytes.data,
				  item->bytes.len, item->bytes.len);
	}
	tf_put(&d->pieces, any ? "]" : "0");
}

static void add_line(struct report_data *d, const struct deja_event *ev)
{
	static struct tf_text line; /* kept: one is made after the other */
	size_t len;

	line.at = line.begin;
	tf_put_call(&line, ev, NULL);
	len = (size_t)(line.at - line.begin);
	comma(&d->line);
	tf_put_json(&d->line, line.begin, len < REPORT_TEXT_LEN ? len : REPORT_TEXT_LEN);
	d->no_memory |= line.failed;
}

/* [number, is a line, stream, index of the event, its first bytes] */
static void add_turns(struct report_data *d, const struct deja_event *ev,
		      const struct deja_sight *sight, deja_tracker *t)
{
	struct deja_turn turn;

	for (size_t index = 0; deja_tracker_turn(t, ev, sight, &index, &turn);) {
		comma(&d->turns);
		tf_put(&d->turns, "[%" PRIu64 ",%d,%" PRIu32 ",%" PRIu64 ",", turn.number,
		       turn.kind == DEJA_TURN_LINE, turn.io->id, d->count);
		tf_put_json(&d->turns, turn.head.data, turn.head.len < 200 ? turn.head.len : 200);
		tf_put(&d->turns, "]");
	}
}

static void add_event(struct report_data *d, const struct deja_event *ev,
		      const struct deja_sight *sight, deja_tracker *t)
{
	bool failed = deja_event_failed(ev);
	unsigned id = ev->id < REPORT_ID_MAX ? ev->id : 0;
	int error = failed ? (int)-ev->result : 0;
	uint64_t in = 0, out = 0;

	for (size_t i = 0; i < sight->leg_count; i++)
		*(sight->leg[i].inbound ? &in : &out) += sight->leg[i].len;
	add_turns(d, ev, sight, t);
	add_int(&d->number, (int64_t)ev->number);
	add_int(&d->thread, (int64_t)thread_of(d, ev));
	add_int(&d->end, ev->time_ns - d->last_ns);
	add_int(&d->dur, deja_call_name(ev->id) ? ev->dur_ns : 0);
	add_int(&d->id, id);
	add_int(&d->error, error);
	add_int(&d->classes, sight->classes);
	add_int(&d->io, sight->io ? sight->io->id : 0);
	add_int(&d->in, (int64_t)in);
	add_int(&d->out, (int64_t)out);
	add_line(d, ev);
	add_payload(d, ev, sight);
	d->id_seen[id] = true;
	d->error_seen[error] = true;
	d->last_ns = ev->time_ns;
	d->count++;
}

/* [id, kind, text, opened, closed, pid, fd, bytes in, out, errors, turns, accepted, listening] */
static void add_io(void *arg, const struct deja_io *io)
{
	struct report_data *d = arg;
	char text[4400];

	comma(&d->ios);
	tf_put(&d->ios, "[%" PRIu32 ",\"%s\",", io->id, deja_io_kind_name(io->kind));
	deja_io_text(io, text, sizeof(text));
	tf_put_json(&d->ios, text, strlen(text));
	tf_put(&d->ios,
	       ",%" PRId64 ",%" PRId64 ",%d,%d,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
	       ",%d,%d]",
	       io->open_ns, io->close_ns, (int)io->pid, io->fd, io->in_len, io->out_len,
	       io->error_count, io->turn_count, io->accepted, io->listening);
}

void report_collect(struct report_data *d, struct reading *r)
{
	struct deja_event ev;
	struct deja_sight sight;
	deja_tracker *t = r->look ? deja_look_tracker(r->look) : NULL;

	if (t)
		deja_tracker_on_close(t, add_io, d);
	while (t && reading_next(r, &ev, &sight)) {
		if (d->count < REPORT_EVENT_MAX)
			add_event(d, &ev, &sight, t);
		else
			d->left_out++;
	}
	if (t)
		deja_tracker_each_open(t, add_io, d);
}

void report_data_free(struct report_data *d)
{
	struct tf_text *all[] = {&d->number, &d->thread, &d->end,  &d->dur,	&d->id,
				 &d->error,  &d->classes, &d->io,  &d->in,	&d->out,
				 &d->line,   &d->pieces,  &d->payload, &d->turns, &d->ios};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		tf_text_free(all[i]);
	free(d->threads);
}
