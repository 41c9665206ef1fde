/*
 * Turns (deja_look.h): where a request comes in. Counted as the events are fed; told when
 * asked.
 */
#include <string.h>

#include "tracefmt/look/look.h"

/* Whether lines are what comes in here. */
static bool has_lines(const struct deja_io *io)
{
	return io->kind == DEJA_IO_TERMINAL || io->is_standard_input;
}

/* A line ends with a newline; on a terminal that passes every key, with a return, too. */
static bool ends_line(const struct deja_io *io, uint8_t c)
{
	return c == '\n' || (c == '\r' && io->kind == DEJA_IO_TERMINAL);
}

/* The next line that begins in the leg at or behind *at bytes; `begun`: the bytes before *at
 * are in a line. *at is moved behind the line's first byte. */
static bool next_line(const struct deja_event *ev, const struct deja_leg *leg, size_t *at,
		      bool begun, size_t *found, struct deja_bytes *head)
{
	struct deja_payload p;
	struct deja_bytes piece;
	size_t base = 0;

	deja_payload_begin(&p, ev, leg);
	while (deja_payload_next(&p, &piece)) {
		for (size_t i = *at > base ? *at - base : 0; i < piece.len; i++) {
			uint8_t c = piece.data[i];

			if (!begun) {
				*found = base + i;
				*head = (struct deja_bytes){piece.data + i, piece.len - i};
				*at = base + i + 1;
				/* an empty line is one, too */
				return true;
			}
			begun = !ends_line(leg->io, c);
			*at = base + i + 1;
		}
		base += piece.len;
	}
	return false;
}

/* Whether the byte before `at` leaves a line begun. */
static bool begun_before(const struct deja_event *ev, const struct deja_leg *leg, size_t at,
			 bool before)
{
	struct deja_payload p;
	struct deja_bytes piece;
	size_t base = 0;

	if (!at)
		return before;
	deja_payload_begin(&p, ev, leg);
	while (deja_payload_next(&p, &piece)) {
		if (at - 1 < base + piece.len)
			return !ends_line(leg->io, piece.data[at - 1 - base]);
		base += piece.len;
	}
	return before;
}

static uint64_t count_lines(const struct deja_event *ev, const struct deja_leg *leg,
			    bool *begun)
{
	struct deja_payload p;
	struct deja_bytes piece;
	uint64_t count = 0;

	deja_payload_begin(&p, ev, leg);
	while (deja_payload_next(&p, &piece))
		for (size_t i = 0; i < piece.len; i++) {
			count += !*begun;
			*begun = !ends_line(leg->io, piece.data[i]);
		}
	return count;
}

void look_apply_turns(deja_tracker *t, const struct deja_event *ev, struct deja_sight *sight)
{
	for (size_t i = 0; i < sight->leg_count; i++) {
		const struct deja_leg *leg = &sight->leg[i];
		struct look_io *io = (struct look_io *)leg->io; /* pub is its first member */
		bool was_pending = io->pub.pending;

		io->pub.pending = leg->inbound;
		if (!leg->inbound)
			continue;
		if (has_lines(&io->pub) && leg->stored) {
			t->turn_line_begun = io->line_begun;
			t->turn_new = count_lines(ev, leg, &io->line_begun);
		} else if (io->pub.accepted && !was_pending) {
			t->turn_new = 1;
		}
		if (t->turn_new && !t->turn_leg) {
			t->turn_leg = leg;
			t->turn_index = t->turn_at = 0;
			io->pub.turn_count += t->turn_new;
		}
	}
}

uint64_t deja_tracker_turn_count(const deja_tracker *t)
{
	return t->turn_count + t->turn_new;
}

bool deja_tracker_turn(deja_tracker *t, const struct deja_event *ev,
		       const struct deja_sight *sight, size_t *index, struct deja_turn *turn)
{
	const struct deja_leg *leg = t->turn_leg;
	struct deja_payload p;
	size_t found = 0;
	bool lines;

	if (!leg || leg < sight->leg || leg >= sight->leg + sight->leg_count ||
	    *index >= t->turn_new)
		return false;
	memset(turn, 0, sizeof(*turn));
	lines = has_lines(leg->io);
	if (!lines) {
		deja_payload_begin(&p, ev, leg);
		deja_payload_next(&p, &turn->head);
	} else {
		if (*index != t->turn_index)
			t->turn_index = t->turn_at = 0;
		do {
			bool begun =
			    begun_before(ev, leg, t->turn_at, t->turn_line_begun);

			if (!next_line(ev, leg, &t->turn_at, begun, &found, &turn->head))
				return false;
		} while (t->turn_index++ < *index);
	}
	turn->number = t->turn_count + ++*index;
	turn->kind = lines ? DEJA_TURN_LINE : DEJA_TURN_REQUEST;
	turn->io = leg->io;
	turn->stream = ev->stream;
	turn->event = ev->number;
	turn->pid = ev->pid;
	turn->tid = ev->tid;
	turn->time_ns = ev->time_ns;
	turn->offset = leg->offset + found;
	return true;
}
