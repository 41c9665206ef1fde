/*
 * `deja annotate`: comments, labels, flags and scores beside a recording.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tools/look/look.h"
#include "tools/json.h"
#include "tools/read/notes.h"

/* What was typed. */
struct wish {
	enum deja_note_kind kind; /* 0: none given */
	char *text;		  /* argv's */
	double score;
	const char *at, *range, *io, *author, *import;
	uint32_t edit, delete;
	bool history, export;
};

static bool parse_number(const char *option, const char *text, uint32_t *number)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || !n || n > UINT32_MAX) {
		cmd_error("annotate: --%s '%s' is no number from 1", option, text);
		return false;
	}
	*number = (uint32_t)n;
	return true;
}

static bool take_kind(struct wish *w, enum deja_note_kind kind, char *text)
{
	char *equals, *end;

	if (!*text) {
		cmd_error("annotate: what is noted is empty");
		return false;
	}
	if (w->kind) {
		cmd_error("annotate: one of --comment, --label, --flag, --score at a time");
		return false;
	}
	w->kind = kind;
	w->text = text;
	if (kind != DEJA_NOTE_SCORE)
		return true;
	equals = strrchr(text, '=');
	errno = 0;
	w->score = equals ? strtod(equals + 1, &end) : 0;
	if (!equals || equals == text || errno || end == equals + 1 || *end ||
	    w->score - w->score != 0) {
		cmd_error("annotate: --score '%s': as in --score quality=0.8", text);
		return false;
	}
	*equals = '\0';
	return true;
}

struct wanted_io {
	uint32_t id;
	bool there;
};

static void see_io(void *arg, const struct deja_io *io)
{
	struct wanted_io *w = arg;

	w->there |= io->id == w->id;
}

/* Ids come with use: the recording is read for it. */
static bool has_io(deja_recording *rec, uint32_t id)
{
	struct wanted_io wanted = {.id = id};
	struct deja_error err = {0};
	struct deja_event ev;
	deja_look *l = deja_look_open(rec, NULL, DEJA_LOOK_TRACK, &err);
	int rc = 1;

	if (l)
		deja_tracker_on_close(deja_look_tracker(l), see_io, &wanted);
	while (l && (rc > 0 || err.code == DEJA_E_TRUNCATED) && rc && !wanted.there)
		rc = deja_look_next(l, &ev, NULL, &err);
	if (l) {
		deja_tracker_each_open(deja_look_tracker(l), see_io, &wanted);
		deja_tracker_on_close(deja_look_tracker(l), NULL, NULL);
		deja_look_close(l);
	}
	if (!wanted.there)
		cmd_error("annotate: --io: no stream %" PRIu32 "; `deja streams -a` lists them", id);
	return wanted.there;
}

/* What the note is about. Nothing said: the recording; for an edit: as it was. */
static bool set_target(struct deja_note *note, const struct wish *w, deja_recording *rec)
{
	struct deja_error err = {0};

	if (!!w->at + !!w->range + !!w->io > 1) {
		cmd_error("annotate: one of --at, --range, --io at a time");
		return false;
	}
	if (w->at) {
		note->target = DEJA_NOTE_EVENT;
		memset(&note->range, 0, sizeof(note->range));
		note->range.has_from = true;
		if (deja_when_parse(rec, w->at, NULL, &note->range.from, &err) < 0) {
			cmd_error("annotate: %s", err.message);
			return false;
		}
		if (!note->range.from.stream) {
			cmd_error("annotate: --at '%s' is no event; as in #12 or 4711#12; --range "
				  "takes times",
				  w->at);
			return false;
		}
	} else if (w->range) {
		note->target = DEJA_NOTE_RANGE;
		if (deja_range_parse(rec, w->range, &note->range, &err) < 0) {
			cmd_error("annotate: %s", err.message);
			return false;
		}
	} else if (w->io) {
		note->target = DEJA_NOTE_IO;
		return parse_number("io", w->io, &note->io_id) && has_io(rec, note->io_id);
	}
	return true;
}

static int put(deja_notes *notes, const struct deja_note *note, const char *done)
{
	struct deja_error err = {0};
	uint32_t id = 0;

	if (deja_notes_put(notes, note, &id, &err) < 0) {
		cmd_error("annotate: %s", err.message);
		return CMD_FAILED;
	}
	printf("%s %" PRIu32 "\n", done, id);
	return 0;
}

static int change(deja_notes *notes, const struct wish *w, deja_recording *rec)
{
	struct deja_note note = {.kind = w->kind, .target = DEJA_NOTE_RECORDING};
	uint32_t id = w->delete ? w->delete : w->edit;
	const struct deja_note *before = id ? deja_notes_by_id(notes, id) : NULL;

	if (id && !before) {
		cmd_error("annotate: no annotation %" PRIu32 "; `deja annotate` lists them", id);
		return CMD_FAILED;
	}
	if (before)
		note = *before;
	note.author = w->author;
	note.realtime_ns = 0;
	note.deleted = w->delete != 0;
	if (w->kind) {
		note.kind = w->kind;
		note.text = w->text;
		note.score = w->score;
	}
	if (!set_target(&note, w, rec))
		return CMD_FAILED;
	return put(notes, &note, w->delete ? "deleted" : w->edit ? "edited" : "added");
}

/* --- listing --- */

static void list(deja_recording *rec, const deja_notes *notes, bool history)
{
	size_t count = history ? deja_notes_history_count(notes) : deja_notes_count(notes);
	char target[128], date[32];

	for (size_t i = 0; i < count; i++) {
		const struct deja_note *note =
		    history ? deja_notes_history_at(notes, i) : deja_notes_at(notes, i);

		printf("%s  ", cmd_date_text(note->realtime_ns, date, sizeof(date)));
		notes_print(stdout, note);
		printf(" on %s", notes_target_text(rec, note, target));
		if (history)
			printf(", version %" PRIu32 "%s", note->version,
			       note->deleted ? ", deleted" : "");
		putchar('\n');
	}
}

static void export(const deja_notes *notes, bool history)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "format", "deja annotations 1");
	if (history) {
		json_open(&j, "annotations", '[');
		for (size_t i = 0; i < deja_notes_history_count(notes); i++)
			notes_json(&j, deja_notes_history_at(notes, i));
		json_close(&j, ']');
	} else {
		notes_json_all(&j, notes);
	}
	json_close(&j, '}');
}

static bool take_option(struct wish *w, int key)
{
	switch (key) {
	case CMD_OPT_COMMENT:
		return take_kind(w, DEJA_NOTE_COMMENT, optarg);
	case CMD_OPT_LABEL:
		return take_kind(w, DEJA_NOTE_LABEL, optarg);
	case CMD_OPT_FLAG:
		return take_kind(w, DEJA_NOTE_FLAG, optarg);
	case CMD_OPT_SCORE:
		return take_kind(w, DEJA_NOTE_SCORE, optarg);
	case CMD_OPT_AT:
		w->at = optarg;
		return true;
	case CMD_OPT_TARGET_RANGE:
		w->range = optarg;
		return true;
	case CMD_OPT_TARGET_IO:
		w->io = optarg;
		return true;
	case CMD_OPT_AUTHOR:
		w->author = optarg;
		return true;
	case CMD_OPT_EDIT:
		return parse_number("edit", optarg, &w->edit);
	case CMD_OPT_DELETE:
		return parse_number("delete", optarg, &w->delete);
	case CMD_OPT_HISTORY:
		w->history = true;
		return true;
	case CMD_OPT_EXPORT:
		w->export = true;
		return true;
	case CMD_OPT_IMPORT:
		w->import = optarg;
		return true;
	}
	return false;
}

static bool sensible(const struct wish *w)
{
	bool target = w->at || w->range || w->io;

	if (w->edit && w->delete)
		cmd_error("annotate: --edit or --delete, not both");
	else if ((w->export || w->history || w->import) && (w->kind || w->edit || w->delete || target))
		cmd_error("annotate: --export, --history and --import stand alone");
	else if (w->edit && !w->kind && !target)
		cmd_error("annotate: --edit %" PRIu32 " needs what to change", w->edit);
	else if (target && !w->kind && !w->edit)
		cmd_error("annotate: say what: --comment, --label, --flag or --score");
	else
		return true;
	return false;
}

int look_annotate(int argc, char **argv)
{
	struct wish w = {0};
	int key, status;
	deja_recording *rec;
	deja_notes *notes;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (!take_option(&w, key))
			return CMD_FAILED;
	}
	if (!cmd_operands(argc, argv, 1) || !sensible(&w))
		return CMD_FAILED;
	rec = cmd_open(argv[optind], &status);
	if (!rec)
		return status;
	notes = notes_open(argv[optind]);
	if (!notes) {
		deja_close(rec);
		return CMD_UNREADABLE;
	}
	cmd_stdout_begin();
	if (w.import)
		status = annotate_import(notes, w.import);
	else if (w.export)
		export(notes, w.history);
	else if (w.kind || w.edit || w.delete)
		status = change(notes, &w, rec);
	else
		list(rec, notes, w.history);
	deja_notes_close(notes);
	deja_close(rec);
	return cmd_stdout_end(status);
}
