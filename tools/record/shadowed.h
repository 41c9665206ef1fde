/*
 * Which stored files are shadows (preload/recorder/shadow.c): said in the recording's list of files.
 */
#ifndef DEJA_TOOLS_RECORD_SHADOWED_H
#define DEJA_TOOLS_RECORD_SHADOWED_H

#include <stddef.h>
#include "preload/session.h"
#include "tracefmt/deja.h"

/* Sets `shadow` of those in files[0 ... count) that the session's processes could change. */
void shadowed_name(struct session *s, struct deja_file *files, size_t count);

#endif
