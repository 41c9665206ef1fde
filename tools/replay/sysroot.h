/*
 * A directory in which a debugger finds a recording's files by the names they had.
 */
#ifndef DEJA_TOOLS_SYSROOT_H
#define DEJA_TOOLS_SYSROOT_H

#include <stdbool.h>
#include "tracefmt/deja.h"

/*
 * Makes links in the empty directory `dir`: dir/root/PATH for every stored file, and
 * dir/names/NAME by its last component and, of libraries, its soname. `first`: the file that
 * is preferred where several had the same name, or 0. rec_path is absolute. False after printing
 * why not.
 */
bool sysroot_make(const char *dir, deja_recording *rec, const char *rec_path, uint32_t first);
/* Removes the directory with all that sysroot_make made. */
void sysroot_remove(const char *dir);

#endif
