/*
 * `deja annotate --import`: annotations from JSON. Apart, as json-c and tools/json.h share names.
 */
#include <json-c/json.h>
#include <string.h>
#include "tools/look/look.h"
#include "tools/read/notes.h"

static const char *get_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string)
		   ? json_object_get_string(v)
		   : NULL;
}

static int64_t get_int(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : 0;
}

static bool get_when(struct json_object *o, const char *key, struct deja_when *when)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_object))
		return false;
	when->time_ns = get_int(v, "time_ns");
	when->stream = (uint32_t)get_int(v, "stream");
	when->number = (uint64_t)get_int(v, "event");
	return true;
}

static bool note_from_json(struct json_object *o, struct deja_note *note)
{
	static const char *const targets[] = {"?", "recording", "range", "event", "stream"};
	const char *kind = get_text(o, "kind"), *target = get_text(o, "target");
	struct json_object *score;

	memset(note, 0, sizeof(*note));
	for (unsigned i = 1; kind && i <= DEJA_NOTE_SCORE; i++)
		if (!strcmp(kind, notes_kind_name((enum deja_note_kind)i)))
			note->kind = (enum deja_note_kind)i;
	for (unsigned i = 1; target && i <= DEJA_NOTE_IO; i++)
		if (!strcmp(target, targets[i]))
			note->target = (enum deja_note_target)i;
	note->text = get_text(o, "text");
	note->author = get_text(o, "author");
	note->realtime_ns = get_int(o, "realtime_ns");
	note->io_id = (uint32_t)get_int(o, "io");
	note->range.has_from = get_when(o, "from", &note->range.from);
	note->range.has_to = get_when(o, "to", &note->range.to);
	if (json_object_object_get_ex(o, "score", &score))
		note->score = json_object_get_double(score);
	return note->kind && note->target && note->text &&
	       (note->target != DEJA_NOTE_EVENT || (note->range.has_from && note->range.from.stream));
}

int annotate_import(deja_notes *notes, const char *path)
{
	struct json_object *root = json_object_from_file(path), *all;
	struct deja_error err = {0};
	struct deja_note note;
	size_t count;
	int status = CMD_FAILED;

	if (!root || !json_object_is_type(root, json_type_object) ||
	    !json_object_object_get_ex(root, "annotations", &all) ||
	    !json_object_is_type(all, json_type_array)) {
		cmd_error("annotate: %s is not what `deja annotate --export` writes", path);
		goto out;
	}
	count = json_object_array_length(all);
	/* All or none. */
	for (size_t i = 0; i < count; i++)
		if (!note_from_json(json_object_array_get_idx(all, i), &note)) {
			cmd_error("annotate: %s: annotation %zu of the list is not complete", path,
				  i + 1);
			goto out;
		}
	for (size_t i = 0; i < count; i++) {
		note_from_json(json_object_array_get_idx(all, i), &note);
		if (deja_notes_put(notes, &note, NULL, &err) < 0) {
			cmd_error("annotate: %s; %zu of %zu were added", err.message, i, count);
			goto out;
		}
	}
	printf("added %zu\n", count);
	status = 0;
out:
	json_object_put(root);
	return status;
}
