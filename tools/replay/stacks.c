/*
 * See stacks.h. Each stream is read by a cursor of its own, up to the call asked for, so that
 * what was mapped then is known.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tools/cmd.h"
#include "tools/replay/gdb.h"
#include "tools/installed.h"
#include "tools/replay/playback.h"
#include "tools/replay/stacks.h"
#include "tracefmt/calls.h"
#include "tracefmt/print.h"
#include "tracefmt/wire.h"

enum { REG_LEN = 64 }; /* bytes of a STACK event's registers */

/* The last stack of a thread, not yet followed by its call. */
struct waiting {
	int32_t tid;
	bool full;
	uint64_t reg[8];
	uint8_t bytes[STACK_BYTES_MAX];
	size_t len;
};

struct stream {
	uint32_t number;
	deja_cursor *cur;
	struct deja_event ev; /* read, not yet taken in */
	bool read;
	struct space space;
	struct waiting *waiting;
	size_t waiting_count;
};

/* Where a stack that a replay took lies in the file. */
struct place {
	uint32_t stream;
	uint64_t event_no;
	long at;
};

struct stacks {
	deja_recording *rec;
	char *path, *runtime;
	struct unwinder *unwinder;
	struct stream *stream;
	size_t stream_count;
	FILE *taken; /* by a replay; NULL: they are recorded */
	struct place *place;
	size_t place_count, place_room;
	bool failed;
};

/* --- what is wanted --- */

static bool choose(const char *command, const char *names, struct stack_choice *choice)
{
	char *copy = strdup(names), *rest = copy, *name;

	while (copy && (name = strsep(&rest, ","))) {
		const struct tf_call *call = tf_call_by_name(name);

		if (!call || call->nr >= STACK_CALL_MAX) {
			cmd_error("%s: --stacks: no system call '%s'; `deja info --coverage` "
				  "lists them",
				  command, name);
			free(copy);
			return false;
		}
		choice->call[call->nr / 8] |= (uint8_t)(1 << (call->nr % 8));
	}
	free(copy);
	return true;
}

bool stacks_parse(const char *command, const char *text, struct stack_choice *choice)
{
	*choice = (struct stack_choice){.every = 1};
	if (!strncmp(text, "every ", 6)) {
		char *end;
		unsigned long every = strtoul(text + 6, &end, 10);

		if (end == text + 6 || !every || every > UINT32_MAX ||
		    (*end && strncmp(end, " of ", 4))) {
			cmd_error("%s: --stacks '%s': as in 'every 10' or 'every 10 of read'",
				  command, text);
			return false;
		}
		choice->every = (uint32_t)every;
		text = *end ? end + 4 : "all";
	}
	if (strcmp(text, "all"))
		return choose(command, text, choice);
	memset(choice->call, 0xff, sizeof(choice->call));
	return true;
}

/* --- reading a stream --- */

static struct stream *stream_of(struct stacks *s, uint32_t number)
{
	struct stream *grown;

	for (size_t i = 0; i < s->stream_count; i++)
		if (s->stream[i].number == number)
			return &s->stream[i];
	grown = realloc(s->stream, (s->stream_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	s->stream = grown;
	grown += s->stream_count;
	*grown = (struct stream){.number = number,
				 .cur = deja_cursor_open(s->rec, number, NULL)};
	if (!grown->cur)
		return NULL;
	s->stream_count++;
	return grown;
}

/* What the parent had mapped when it made this child. */
static void inherit(struct stacks *s, struct stream *st, const struct deja_event *birth)
{
	struct tf_in in = {birth->raw.data, birth->raw.data + birth->raw.len, 0};
	struct stream parent = {0};
	struct deja_event ev;

	tf_get_array(&in);
	tf_get_int(&in);
	tf_get_int(&in); /* dt */
	parent.number = (uint32_t)tf_get_int(&in);
	parent.cur = parent.number ? deja_cursor_open(s->rec, parent.number, NULL) : NULL;
	while (parent.cur && deja_next(parent.cur, &ev, NULL) == 1) {
		if (ev.id == TF_EV_CHILD && parent.number < st->number)
			inherit(s, &parent, &ev);
		space_feed(&parent.space, &ev);
		if (ev.id != TF_EV_SPAWN)
			continue;
		in = (struct tf_in){ev.raw.data, ev.raw.data + ev.raw.len, 0};
		tf_get_array(&in);
		tf_get_int(&in);
		if ((uint32_t)tf_get_int(&in) == st->number)
			break;
	}
	if (parent.cur)
		deja_cursor_close(parent.cur);
	space_copy(&st->space, &parent.space);
	space_free(&parent.space);
}

static struct waiting *waiting_of(struct stream *st, int32_t tid)
{
	struct waiting *grown;

	for (size_t i = 0; i < st->waiting_count; i++)
		if (st->waiting[i].tid == tid)
			return &st->waiting[i];
	grown = realloc(st->waiting, (st->waiting_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	st->waiting = grown;
	grown += st->waiting_count++;
	grown->tid = tid;
	grown->full = false;
	return grown;
}

static void take_stack(struct stream *st, const struct deja_event *ev)
{
	struct tf_in in = {ev->raw.data, ev->raw.data + ev->raw.len, 0};
	struct waiting *w = waiting_of(st, ev->tid);
	const uint8_t *reg, *bytes;
	uint32_t reg_len, len;

	tf_get_array(&in);
	tf_get_int(&in);
	reg = tf_get_bytes(&in, &reg_len);
	bytes = tf_get_bytes(&in, &len);
	if (!w || in.bad || reg_len < REG_LEN || len > sizeof(w->bytes))
		return;
	memcpy(w->reg, reg, sizeof(w->reg));
	memcpy(w->bytes, bytes, len);
	w->len = len;
	w->full = true;
}

/* Takes in all events before `number`. */
static void advance(struct stacks *s, struct stream *st, uint64_t number)
{
	while (st->read || (st->read = deja_next(st->cur, &st->ev, NULL) == 1)) {
		const struct deja_event *ev = &st->ev;

		if (ev->number >= number)
			return;
		st->read = false;
		if (ev->id == TF_EV_CHILD)
			inherit(s, st, ev);
		else if (ev->id == TF_EV_STACK)
			take_stack(st, ev);
		else if (tf_call_by_id(ev->id))
			waiting_of(st, ev->tid)->full = false;
		space_feed(&st->space, ev);
	}
}

/* --- the frames --- */

static const struct place *place_of(const struct stacks *s, uint32_t stream, uint64_t event_no)
{
	size_t low = 0, high = s->place_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct place *p = &s->place[mid];

		if (p->stream == stream && p->event_no == event_no)
			return p;
		if (p->stream < stream || (p->stream == stream && p->event_no < event_no))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

size_t stacks_at(struct stacks *s, const struct deja_event *ev,
		 struct unwind_frame frame[UNWIND_FRAME_MAX])
{
	struct stream *st = stream_of(s, ev->stream);
	const struct place *place;
	struct waiting *w;

	if (!st || !tf_call_by_id(ev->id))
		return 0;
	if (!s->taken) {
		advance(s, st, ev->number);
		w = waiting_of(st, ev->tid);
		return w && w->full ? unwind(s->unwinder, &st->space, w->reg, w->bytes, w->len,
					     frame)
				    : 0;
	}
	place = place_of(s, ev->stream, ev->number);
	if (!place)
		return 0;
	advance(s, st, ev->number);
	{
		struct stack_taken taken;

		if (fseek(s->taken, place->at, SEEK_SET) < 0 ||
		    fread(&taken, offsetof(struct stack_taken, bytes), 1, s->taken) != 1 ||
		    taken.len > sizeof(taken.bytes) ||
		    fread(taken.bytes, 1, taken.len, s->taken) != taken.len)
			return 0;
		return unwind(s->unwinder, &st->space, taken.reg, taken.bytes, taken.len,
			      frame);
	}
}

/* --- replaying for them --- */

static void on_stack(struct playback *p, struct slot *slot)
{
	struct stacks *s = p->stack_sink;
	struct stack_taken *taken = slot_stack(slot);
	uint32_t len = taken->len <= STACK_BYTES_MAX ? taken->len : STACK_BYTES_MAX;

	if (s->place_count == s->place_room) {
		size_t room = s->place_room ? 2 * s->place_room : 1024;
		struct place *grown = realloc(s->place, room * sizeof(*grown));

		if (!grown) {
			s->failed = true;
			return;
		}
		s->place = grown;
		s->place_room = room;
	}
	s->place[s->place_count++] = (struct place){slot->stream, taken->event_no,
						    ftell(s->taken)};
	if (fwrite(taken, offsetof(struct stack_taken, bytes), 1, s->taken) != 1 ||
	    fwrite(taken->bytes, 1, len, s->taken) != len)
		s->failed = true;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	return x->event_no < y->event_no ? -1 : x->event_no > y->event_no;
}

static int run_replay(struct stacks *s, const struct stack_choice *choice)
{
	struct playback p = {.verify = true, .on_stack = on_stack, .stack_sink = s};
	int status;

	if (!playback_open(&p, s->path, &status))
		return status;
	status = playback_begin(&p);
	if (!status) {
		p.session.shared->stacks = *choice;
		status = playback_launch(&p);
	}
	if (!status)
		status = playback_watch(&p);
	playback_end(&p);
	if (!status && s->failed) {
		cmd_error("the stacks cannot be kept: %s", strerror(errno));
		status = CMD_FAILED;
	}
	qsort(s->place, s->place_count, sizeof(*s->place), compare_places);
	return status;
}

/* --- opening --- */

struct stacks *stacks_open(deja_recording *rec, const char *path)
{
	struct stacks *s = calloc(1, sizeof(*s));

	if (s) {
		s->rec = rec;
		s->path = realpath(path, NULL);
		s->unwinder = s->path ? unwinder_open(rec, s->path, NULL) : NULL;
	}
	if (s && s->unwinder)
		return s;
	cmd_error("%s: %s", path, strerror(errno));
	stacks_close(s);
	return NULL;
}

struct stacks *stacks_replay(deja_recording *rec, const char *path,
			     const struct stack_choice *choice, int *status)
{
	struct stacks *s = stacks_open(rec, path);
	char runtime[4096];

	*status = CMD_FAILED;
	if (!s)
		return NULL;
	s->taken = tmpfile();
	if (!s->taken || !installed_part(SESSION_REPLAY_OBJECT, runtime, sizeof(runtime))) {
		if (!s->taken)
			cmd_error("a temporary file: %s", strerror(errno));
		stacks_close(s);
		return NULL;
	}
	s->runtime = strdup(runtime);
	unwinder_close(s->unwinder);
	s->unwinder = unwinder_open(rec, s->path, s->runtime);
	*status = s->unwinder ? run_replay(s, choice) : CMD_FAILED;
	if (!*status)
		return s;
	stacks_close(s);
	return NULL;
}

void stacks_close(struct stacks *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->stream_count; i++) {
		deja_cursor_close(s->stream[i].cur);
		space_free(&s->stream[i].space);
		free(s->stream[i].waiting);
	}
	if (s->unwinder)
		unwinder_close(s->unwinder);
	if (s->taken)
		fclose(s->taken);
	free(s->stream);
	free(s->place);
	free(s->runtime);
	free(s->path);
	free(s);
}

/* --- showing --- */

void stacks_print(FILE *out, const struct unwind_frame *frame, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "    #%-2zu 0x%012" PRIx64, i, frame[i].ip);
		if (frame[i].function) {
			fputc(' ', out);
			cmd_print_text(out, frame[i].function);
			fprintf(out, "+0x%" PRIx64, frame[i].offset);
		}
		if (frame[i].object) {
			fputs(" in ", out);
			cmd_print_text(out, frame[i].object);
			if (!frame[i].function)
				fprintf(out, "+0x%" PRIx64, frame[i].offset);
		}
		fputc('\n', out);
	}
}

void stacks_json(FILE *out, const struct unwind_frame *frame, size_t count)
{
	fputs("\"stack\":[", out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%s{\"ip\":\"0x%" PRIx64 "\"", i ? "," : "", frame[i].ip);
		if (frame[i].function) {
			fputs(",\"function\":", out);
			tf_json_string(out, frame[i].function, strlen(frame[i].function));
		}
		if (frame[i].function || frame[i].object)
			fprintf(out, ",\"offset\":%" PRIu64, frame[i].offset);
		if (frame[i].object) {
			fputs(",\"object\":", out);
			tf_json_string(out, frame[i].object, strlen(frame[i].object));
		}
		fputc('}', out);
	}
	fputc(']', out);
}
