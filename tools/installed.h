/*
 * Where the parts of deja lie that are not the command itself: PREFIX/lib/deja holds the runtime
 * objects, the helpers and gdb's scripts.
 */
#ifndef DEJA_TOOLS_INSTALLED_H
#define DEJA_TOOLS_INSTALLED_H

#include <stdbool.h>
#include <stddef.h>

/* That directory, by where the running program lies (PREFIX/bin or the directory itself). False
 * after printing why not. */
bool installed_dir(char *path, size_t len);
/* The part `name` in it, which can be read. False after printing why not. */
bool installed_part(const char *name, char *path, size_t len);
/* Whether a file mapped under this name of len bytes, as /proc/PID/maps has it (deleted since, perhaps),
 * is a runtime object: ours, or that of another deja. */
bool installed_is_runtime(const char *path, size_t len);

#endif
