/*
 * Annotations as commands show them. Used by at, cat and info here, by annotate in tools/look/.
 */
#ifndef DEJA_TOOLS_NOTES_H
#define DEJA_TOOLS_NOTES_H

#include <stdio.h>
#include "tracefmt/deja_look.h"

struct json; /* tools/json.h */

/* The annotations of the recording that the argument means. NULL after saying why not. For a
 * packed file they are beside that file. */
deja_notes *notes_open(const char *arg);
/* "comment", "label", "flag", "score". */
const char *notes_kind_name(enum deja_note_kind kind);
/* What it is about: "the recording", "1.0s..2.0s", "4711#12", "stream 7". Returns buf of 128. */
const char *notes_target_text(deja_recording *rec, const struct deja_note *note, char buf[128]);
/* One line without newline: "note 3, label: slow (alice)". */
void notes_print(FILE *out, const struct deja_note *note);
/* One object; the fields of struct deja_note by FORMAT's names. */
void notes_json(struct json *j, const struct deja_note *note);
/* "annotations": those that are. */
void notes_json_all(struct json *j, const deja_notes *notes);
/* Whether a note that is not about one event or stream holds at this moment. */
bool notes_hold_at(const struct deja_note *note, int64_t time_ns);

#endif
