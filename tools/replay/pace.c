/*
 * See pace.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/replay/pace.h"
#include "tracefmt/deja_look.h"

enum { PROGRESS_AFTER_MS = 1000, PROGRESS_EVERY_MS = 250, SETTLED_MS = 200, LATE_NS = 50 * 1000 * 1000 };

struct pace_state {
	struct pace_turns turns;
	size_t next;
	bool until, settled;
	int64_t until_ns, started_ns, told_ns, moved_ns;
	uint64_t served; /* events, when last looked at */
	uint64_t told_served;
	bool line; /* a progress line stands on the terminal */
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* When this command began. The recorded time is counted from there: what opening the recording took
 * is made up while the program waits, and a replay takes as long as it is told, all in all. */
static int64_t began_ns;

__attribute__((constructor)) static void note_beginning(void)
{
	began_ns = now_ns();
}

bool pace_wanted(const struct pace *pace)
{
	return pace->factor > 0 || pace->until || pace->turns || pace->progress;
}

bool pace_parse(const char *text, double *factor)
{
	char *end;

	*factor = strtod(text, &end);
	if (end != text && *end == 'x')
		end++;
	return end != text && !*end && *factor >= 0 && *factor <= 1000;
}

/* --- turns --- */

static bool add_turn(struct pace_turns *s, const struct deja_turn *turn)
{
	struct pace_turn *grown = realloc(s->turn, (s->count + 1) * sizeof(*grown)), *t;
	size_t len = turn->head.len < PACE_HEAD_LEN ? turn->head.len : PACE_HEAD_LEN;

	if (!grown) {
		cmd_error("out of memory");
		return false;
	}
	s->turn = grown;
	t = &grown[s->count++];
	*t = (struct pace_turn){.stream = turn->stream, .event = turn->event, .time_ns = turn->time_ns};
	for (size_t i = 0; i < len; i++) {
		uint8_t c = turn->head.data[i];

		if (c == '\r' || c == '\n')
			break;
		t->text[i] = c >= ' ' && c < 127 ? (char)c : '.';
	}
	return true;
}

bool pace_find_turns(deja_recording *rec, const char *path, struct pace_turns *turns)
{
	struct deja_error err;
	deja_look *l = deja_look_open(rec, NULL, DEJA_LOOK_TRACK, &err);
	struct deja_event ev;
	struct deja_sight sight;
	bool ok = l != NULL;
	int rc = 0;

	*turns = (struct pace_turns){0};
	while (ok && (rc = deja_look_next(l, &ev, &sight, &err)) != 0) {
		struct deja_turn turn;
		size_t index = 0;

		if (rc < 0 && err.code == DEJA_E_TRUNCATED)
			continue;
		ok = rc > 0;
		/* an event that begins several is one stop */
		if (ok && deja_tracker_turn(deja_look_tracker(l), &ev, &sight, &index, &turn))
			ok = add_turn(turns, &turn);
	}
	if (!ok && rc <= 0)
		cmd_error("%s: %s", path, err.message);
	if (l)
		deja_look_close(l);
	if (ok && !turns->count)
		cmd_error("%s: no requests came in: nothing to pause at", path);
	return ok;
}

void pace_turn_text(const struct pace_turns *turns, size_t index, char *text, size_t len)
{
	const struct pace_turn *t = &turns->turn[index];

	snprintf(text, len, "paused: turn %zu/%zu at %" PRId64 ".%03d s, event p%u#%" PRIu64 "%s%s",
		 index + 1, turns->count, t->time_ns / 1000000000,
		 (int)(t->time_ns / 1000000 % 1000), t->stream, t->event, t->text[0] ? ": " : "",
		 t->text);
}

/* --- the gate --- */

static void move_gate(struct session *shared, int64_t until_ns, const struct pace_turn *turn)
{
	__atomic_store_n(&shared->gate_stream, 0, __ATOMIC_SEQ_CST);
	shared->gate_event = turn ? turn->event : 0;
	__atomic_store_n(&shared->gate_stream, turn ? turn->stream : 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&shared->gate_ns, until_ns, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&shared->gate_seq, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &shared->gate_seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static const struct pace_turn *next_turn(const struct pace_state *s)
{
	return s->next < s->turns.count ? &s->turns.turn[s->next] : NULL;
}

bool pace_begin(struct playback *p)
{
	struct session *shared = p->session.shared;
	struct pace_state *s = calloc(1, sizeof(*s));
	struct deja_when when;
	struct deja_error err;

	p->pace_state = s;
	if (!s) {
		cmd_error("out of memory");
		return false;
	}
	s->until_ns = INT64_MAX;
	if (p->pace->until) {
		if (deja_when_parse(p->rec, p->pace->until, NULL, &when, &err) < 0) {
			cmd_error("--until: %s", err.message);
			return false;
		}
		s->until = true;
		s->until_ns = when.time_ns;
	}
	if (p->pace->turns && !pace_find_turns(p->rec, p->path, &s->turns))
		return false;
	shared->pace = (uint64_t)(p->pace->factor * 1000 + 0.5);
	shared->gate_ns = s->until_ns;
	move_gate(shared, s->until_ns, next_turn(s));
	return true;
}

void pace_start(struct playback *p)
{
	p->pace_state->started_ns = now_ns();
	p->session.shared->pace_start_ns = began_ns;
	p->session.shared->paced = 1;
}

/* --- while it runs --- */

static void end_line(struct pace_state *s)
{
	if (s->line)
		fprintf(stderr, "\r\033[K");
	s->line = false;
}

/* What all processes together have done. */
static void look_around(const struct session *shared, uint64_t *served, int64_t *time_ns,
			unsigned *live, unsigned *gated)
{
	*served = 0;
	*time_ns = 0;
	*live = *gated = 0;
	for (unsigned i = 0; i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot((struct session *)shared, i);

		if (slot->state == SLOT_FREE || !slot->stream || slot->live_pid <= 0)
			continue;
		++*live;
		*gated += slot->gated;
		*served += slot->event_no;
		if (slot->last_time_ns > *time_ns)
			*time_ns = slot->last_time_ns;
	}
}

static void tell_progress(struct playback *p, uint64_t served, int64_t time_ns)
{
	struct pace_state *s = p->pace_state;
	int64_t now = now_ns();
	char at[32], all[32];

	if (now - s->started_ns < PROGRESS_AFTER_MS * INT64_C(1000000) ||
	    now - s->told_ns < PROGRESS_EVERY_MS * INT64_C(1000000))
		return;
	cmd_duration_text(time_ns, at, sizeof(at));
	cmd_duration_text(p->header->duration_ns, all, sizeof(all));
	fprintf(stderr, "\r\033[K%s of %s, %.0f events/s", at, all,
		s->told_ns && served > s->told_served
			? (double)(served - s->told_served) * 1e9 / (double)(now - s->told_ns)
			: 0.0);
	fflush(stderr);
	s->line = true;
	s->told_ns = now;
	s->told_served = served;
}

/* Waits for Enter. False: the input has ended, nobody is there to ask. */
static bool wait_for_enter(void)
{
	char c;

	for (;;) {
		ssize_t n = read(0, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		if (c == '\n')
			return true;
	}
}

static void pause_at(struct playback *p)
{
	struct pace_state *s = p->pace_state;
	int64_t paused_ns = now_ns();
	char text[PACE_TEXT_LEN];

	end_line(s);
	fflush(stdout);
	pace_turn_text(&s->turns, s->next, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	if (wait_for_enter())
		s->next++;
	else
		s->next = s->turns.count;
	p->session.shared->pace_start_ns += now_ns() - paused_ns;
	move_gate(p->session.shared, s->until_ns, next_turn(s));
}

bool pace_look(struct playback *p)
{
	struct pace_state *s = p->pace_state;
	struct session *shared = p->session.shared;
	const struct pace_turn *turn = next_turn(s);
	uint64_t served;
	int64_t time_ns, now = now_ns();
	unsigned live, gated;

	look_around(shared, &served, &time_ns, &live, &gated);
	if (served != s->served || !gated)
		s->moved_ns = now;
	s->served = served;
	if (p->pace->progress && !turn)
		tell_progress(p, served, time_ns);
	if (!gated)
		return false;
	for (unsigned i = 0; turn && i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(shared, i);

		if (slot->gated && slot->stream == turn->stream && slot->event_no + 1 >= turn->event) {
			pause_at(p);
			return false;
		}
	}
	/* the others come to the gate, or wait for one that stands there */
	if (!s->until || (gated < live && now - s->moved_ns < SETTLED_MS * INT64_C(1000000)))
		return false;
	end_line(s);
	fprintf(stderr, "deja: stopped at %s: %" PRIu64 " events were replayed\n", p->pace->until, served);
	return true;
}

/* What computes, or starts programs, takes its time; a pace cannot be faster than that. */
static void tell_late(const struct playback *p)
{
	int64_t wanted = (int64_t)((double)p->header->duration_ns * p->pace->factor);
	int64_t took = now_ns() - began_ns;
	char is[32], asked[32];

	if (p->pace->factor <= 0 || p->pace->until || p->pace->turns || took <= wanted + wanted / 33 + LATE_NS)
		return;
	cmd_duration_text(took, is, sizeof(is));
	cmd_duration_text(wanted, asked, sizeof(asked));
	fprintf(stderr, "deja: it took %s, where --pace %g asks for %s: the programs' own computations and "
			"beginnings take their time\n",
		is, p->pace->factor, asked);
}

void pace_end(struct playback *p)
{
	struct pace_state *s = p->pace_state;

	if (!s)
		return;
	end_line(s);
	tell_late(p);
	free(s->turns.turn);
	free(s);
	p->pace_state = NULL;
}
