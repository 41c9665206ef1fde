/*
 * What a recording says to somebody who has never heard of deja: README.txt and `settings` in
 * its directory, and in a bundle. The same header gives the same bytes.
 */
#ifndef DEJA_TOOLS_README_H
#define DEJA_TOOLS_README_H

#include <stdbool.h>
#include "tracefmt/deja.h"

/* Malloc'd; NULL when memory is out. */
char *readme_text(const struct deja_header *h);
char *settings_text(const struct deja_header *h);
/* Writes both into the directory, in place of older ones. A recording is none the worse without
 * them: false after printing why not. */
bool readme_write(const char *dir, const struct deja_header *h);

/* A note is a file's name, or the text itself: its text, malloc'd. NULL after printing why it can be
 * none. */
char *note_read(const char *note);
/* Writes the text, which it frees, as the recording's note. False after printing why not. */
bool note_write(const char *dir, char *text);

#endif
