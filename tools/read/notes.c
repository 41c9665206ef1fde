/*
 * See notes.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "tools/json.h"
#include "tools/moment.h"
#include "tools/read/notes.h"

deja_notes *notes_open(const char *arg)
{
	struct deja_error err = {0};
	struct stat st;
	deja_notes *notes = NULL;
	char *place = cmd_recording_place(arg), *dir = NULL, *packed = NULL, *resolved = NULL;

	if (place && !stat(place, &st) && S_ISREG(st.st_mode)) {
		dir = cmd_bundle_dir(place);
		if (!dir || asprintf(&packed, "%s/annotations", dir) < 0)
			goto out;
	}
	if (place) {
		resolved = realpath(place, NULL);
		notes = deja_notes_open_packed(resolved ? resolved : place, packed, &err);
		if (!notes)
			cmd_error("%s", err.message);
	}
out:
	free(packed);
	free(dir);
	free(resolved);
	free(place);
	return notes;
}

const char *notes_kind_name(enum deja_note_kind kind)
{
	static const char *const names[] = {"?", "comment", "label", "flag", "score"};

	return kind <= DEJA_NOTE_SCORE ? names[kind] : names[0];
}

static void end_text(deja_recording *rec, bool has, const struct deja_when *when,
		     char buf[MOMENT_LEN])
{
	const struct deja_header *h = deja_header(rec);
	int32_t pid = 0;

	buf[0] = '\0';
	if (!has)
		return;
	if (!when->stream) {
		moment_time(when->time_ns, buf);
		return;
	}
	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].stream == when->stream)
			pid = h->processes[i].pid;
	moment_event(rec, when->stream, pid, when->number, buf);
}

const char *notes_target_text(deja_recording *rec, const struct deja_note *note, char buf[128])
{
	char from[MOMENT_LEN], to[MOMENT_LEN];

	end_text(rec, note->range.has_from, &note->range.from, from);
	end_text(rec, note->range.has_to, &note->range.to, to);
	switch (note->target) {
	case DEJA_NOTE_RECORDING:
		snprintf(buf, 128, "the recording");
		break;
	case DEJA_NOTE_RANGE:
		snprintf(buf, 128, "%s..%s", from, to);
		break;
	case DEJA_NOTE_EVENT:
		snprintf(buf, 128, "%s", from);
		break;
	case DEJA_NOTE_IO:
		snprintf(buf, 128, "stream %" PRIu32, note->io_id);
		break;
	}
	return buf;
}

void notes_print(FILE *out, const struct deja_note *note)
{
	fprintf(out, "note %" PRIu32 ", %s: ", note->id, notes_kind_name(note->kind));
	cmd_print_text(out, note->text);
	if (note->kind == DEJA_NOTE_SCORE)
		fprintf(out, " = %g", note->score);
	fputs(" (", out);
	cmd_print_text(out, note->author);
	putc(')', out);
}

static void json_when(struct json *j, const char *key, bool has, const struct deja_when *when)
{
	if (!has) {
		json_null(j, key);
		return;
	}
	json_open(j, key, '{');
	json_int(j, "time_ns", when->time_ns);
	if (when->stream) {
		json_uint(j, "stream", when->stream);
		json_uint(j, "event", when->number);
	}
	json_close(j, '}');
}

void notes_json(struct json *j, const struct deja_note *note)
{
	static const char *const targets[] = {"?", "recording", "range", "event", "stream"};

	json_open(j, NULL, '{');
	json_uint(j, "id", note->id);
	json_uint(j, "version", note->version);
	json_text(j, "kind", notes_kind_name(note->kind));
	json_text(j, "target", note->target <= DEJA_NOTE_IO ? targets[note->target] : "?");
	if (note->target == DEJA_NOTE_RANGE || note->target == DEJA_NOTE_EVENT)
		json_when(j, "from", note->range.has_from, &note->range.from);
	if (note->target == DEJA_NOTE_RANGE)
		json_when(j, "to", note->range.has_to, &note->range.to);
	if (note->target == DEJA_NOTE_IO)
		json_uint(j, "io", note->io_id);
	json_text(j, "text", note->text);
	if (note->kind == DEJA_NOTE_SCORE)
		json_real(j, "score", note->score);
	json_text(j, "author", note->author);
	json_int(j, "realtime_ns", note->realtime_ns);
	json_bool(j, "deleted", note->deleted);
	json_close(j, '}');
}

void notes_json_all(struct json *j, const deja_notes *notes)
{
	json_open(j, "annotations", '[');
	for (size_t i = 0; i < deja_notes_count(notes); i++)
		notes_json(j, deja_notes_at(notes, i));
	json_close(j, ']');
}

bool notes_hold_at(const struct deja_note *note, int64_t time_ns)
{
	return note->target == DEJA_NOTE_RECORDING ||
	       (note->target == DEJA_NOTE_RANGE &&
		(!note->range.has_from || note->range.from.time_ns <= time_ns) &&
		(!note->range.has_to || note->range.to.time_ns >= time_ns));
}
