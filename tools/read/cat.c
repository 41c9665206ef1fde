/*
 * `deja cat`: the events of a recording, of all processes merged by time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/read/cat.h"
#include "tools/moment.h"
#include "tools/replay/stacks.h"
#include "tracefmt/calls.h"
#include "tracefmt/print.h"
#include "tracefmt/wire.h"

static const char dim[] = "\033[2m", red[] = "\033[31m", plain[] = "\033[m";

static void print_anchor(struct cat *c, const struct deja_turn *turn)
{
	char text[4400], event[MOMENT_LEN];

	printf("%5" PRIu64 " ", turn->number);
	printf("%4" PRId64 ".%06" PRId64 " %-14s stream %-5" PRIu32 " ", turn->time_ns / 1000000000,
	       turn->time_ns / 1000 % 1000000,
	       moment_event(c->rec, turn->stream, turn->pid, turn->event, event), turn->io->id);
	cmd_print_text(stdout, deja_io_text(turn->io, text, sizeof(text)));
	fputs(": ", stdout);
	moment_excerpt(stdout, turn->head.data, turn->head.len, 48);
	putchar('\n');
}

static void json_anchor(const struct deja_turn *turn)
{
	size_t len = turn->head.len < 256 ? turn->head.len : 256;

	printf("{\"turn\":%" PRIu64 ",\"kind\":\"%s\",\"stream\":%" PRIu32 ",\"event\":%" PRIu64
	       ",\"time\":%" PRId64 ".%09" PRId64 ",\"pid\":%d,\"tid\":%d,\"io\":%" PRIu32
	       ",\"offset\":%" PRIu64 ",\"head\":",
	       turn->number, turn->kind == DEJA_TURN_LINE ? "line" : "request", turn->stream,
	       turn->event, turn->time_ns / 1000000000, turn->time_ns % 1000000000,
	       (int)turn->pid, (int)turn->tid, turn->io->id, turn->offset);
	tf_json_string(stdout, turn->head.data, len);
	puts("}");
}

static void print_anchors(struct cat *c, const struct deja_event *ev,
			  const struct deja_sight *sight, deja_tracker *t)
{
	struct deja_turn turn;

	for (size_t index = 0; t && deja_tracker_turn(t, ev, sight, &index, &turn);)
		if (c->jsonl)
			json_anchor(&turn);
		else
			print_anchor(c, &turn);
}

/* Annotations stand behind the first event that they are about. */
static void print_notes(struct cat *c, const struct deja_event *ev,
			const struct deja_sight *sight)
{
	static uint8_t *shown; /* by index; the notes do not change while we print */
	size_t count = c->notes ? deja_notes_count(c->notes) : 0;

	if (count && !shown)
		shown = calloc(count, 1);
	for (size_t i = 0; shown && i < count; i++) {
		const struct deja_note *note = deja_notes_at(c->notes, i);
		char target[128];

		if (shown[i] || !deja_note_covers(note, ev, sight))
			continue;
		shown[i] = 1;
		fputs(c->colour ? dim : "", stdout);
		printf("%13s^ ", "");
		notes_print(stdout, note);
		if (note->target != DEJA_NOTE_EVENT)
			printf(" on %s", notes_target_text(c->rec, note, target));
		puts(c->colour ? plain : "");
	}
}

static void json_event(const struct cat *c, FILE *f, const struct deja_event *ev,
		       const struct deja_sight *sight)
{
	tf_json_event_part(f, ev, c->io ? sight : NULL, c->payload ? (size_t)c->payload : SIZE_MAX);
}

/* The JSON object of an event, with its stack as one more member. */
static void json_with_stack(const struct cat *c, const struct deja_event *ev,
			    const struct deja_sight *sight, const struct unwind_frame *frame,
			    size_t count)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	json_event(c, f, ev, sight);
	if (!fclose(f) && len > 2) { /* it ends in }\n */
		fwrite(text, 1, len - 2, stdout);
		putchar(',');
		stacks_json(stdout, frame, count);
		puts("}");
	}
	free(text);
}

void cat_event(struct cat *c, const struct deja_event *ev, const struct deja_sight *sight,
	       deja_tracker *t)
{
	struct tf_print_opts opts = {.excerpt_len = (size_t)c->payload};
	const char *colour = !c->colour		      ? ""
			     : ev->id < TF_ID_FIRST ? dim
			     : ev->result < 0 && ev->result >= -4095 ? red
								       : "";
	struct unwind_frame frame[UNWIND_FRAME_MAX];
	size_t count = 0;
	char event[MOMENT_LEN];

	if (c->anchors) {
		print_anchors(c, ev, sight, t);
		return;
	}
	if (c->stacks && ev->id == TF_EV_STACK)
		return; /* shown with its call */
	if (c->stacks)
		count = stacks_at(c->stacks, ev, frame);
	if (c->jsonl) {
		if (count)
			json_with_stack(c, ev, sight, frame, count);
		else
			json_event(c, stdout, ev, sight);
		return;
	}
	fputs(colour, stdout);
	if (c->numbers)
		printf("%-12s ", moment_event(c->rec, ev->stream, ev->pid, ev->number, event));
	tf_print_event(stdout, ev, &opts);
	if (*colour)
		fputs(plain, stdout);
	stacks_print(stdout, frame, count);
	print_notes(c, ev, sight);
}

bool cat_tracks(const struct cat *c)
{
	for (size_t i = 0; c->notes && i < deja_notes_count(c->notes); i++)
		if (deja_notes_at(c->notes, i)->target == DEJA_NOTE_IO)
			return true;
	return c->anchors || c->io ||
	       (c->filter && deja_filter_needs_tracker(c->filter));
}

static int print_events(struct cat *c)
{
	struct reading r;
	struct deja_event ev;
	struct deja_sight sight;

	if (!reading_begin(&r, c->rec, c->filter, cat_tracks(c) ? DEJA_LOOK_TRACK : 0, "printed"))
		return CMD_UNREADABLE;
	while (reading_next(&r, &ev, &sight))
		cat_event(c, &ev, &sight, deja_look_tracker(r.look));
	return reading_end(&r);
}

static int cat(struct cat *c, const char *arg, bool follow)
{
	char *path = follow ? cmd_recording_path(arg) : NULL;
	deja_notes *notes = NULL;
	int status;

	if (follow && !path)
		return CMD_UNREADABLE;
	if (!c->jsonl && !c->anchors && !follow) {
		notes = notes_open(arg);
		if (!notes)
			return CMD_UNREADABLE;
		c->notes = deja_notes_count(notes) ? notes : NULL;
	}
	status = follow ? cat_follow(c, path) : print_events(c);
	if (notes)
		deja_notes_close(notes);
	free(path);
	return status;
}

static struct stacks *open_stacks(deja_recording *rec, const char *arg,
				  const struct stack_choice *choice, int *status)
{
	char *path = cmd_recording_path(arg);
	struct stacks *stacks;

	*status = CMD_UNREADABLE;
	if (!path)
		return NULL;
	if (deja_header(rec)->stacks && *deja_header(rec)->stacks)
		stacks = stacks_open(rec, path);
	else
		stacks = stacks_replay(rec, path, choice, status);
	free(path);
	return stacks;
}

int cmd_cat(int argc, char **argv)
{
	struct selection selection = {0};
	struct cat c = {0};
	struct stack_choice choice;
	bool follow = false, with_stacks = false;
	int key, status;

	while ((key = select_getopt(&selection, argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		c.jsonl |= key == CMD_OPT_JSONL;
		c.anchors |= key == CMD_OPT_ANCHORS;
		c.numbers |= key == 'n';
		if (key == CMD_OPT_PAYLOAD &&
		    (!cmd_size_parse(optarg, &c.payload) || !c.payload)) {
			cmd_error("cat: --payload '%s' is no size, as 200 or 4K", optarg);
			return CMD_FAILED;
		}
		follow |= key == 'f';
		with_stacks |= key == CMD_OPT_STACKS;
		if (key == CMD_OPT_STACKS &&
		    !stacks_parse(argv[0], optarg ? optarg : "all", &choice))
			return CMD_FAILED;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (follow && with_stacks) {
		cmd_error("cat: --stacks needs a whole recording: it does not go with --follow");
		return CMD_FAILED;
	}
	c.io = c.jsonl && !follow && !select_has(&selection, "range");
	c.rec = select_open(&selection, argv[0], argv[optind], &c.filter, &status);
	if (!c.rec)
		return status;
	if (with_stacks && !(c.stacks = open_stacks(c.rec, argv[optind], &choice, &status)))
		return status;
	c.colour = isatty(1) && !getenv("NO_COLOR");
	cmd_stdout_begin();
	status = cat(&c, argv[optind], follow);
	stacks_close(c.stacks);
	deja_filter_free(c.filter);
	deja_close(c.rec);
	return cmd_stdout_end(status);
}
