/*
 * The instructions that recorded processes have to replace (preload/oracles.c): looked up
 * in each file when it is stored, once a recording. Called by the supervisor.
 */
#ifndef DEJA_TOOLS_ORACLES_H
#define DEJA_TOOLS_ORACLES_H

#include "tools/elf.h"
#include "tools/record/track.h"

/* Looks through a file that has just been stored and is open at fd, and lists what it has in the
 * session. Warns of what may be one and must be left alone. */
void oracles_publish(struct supervisor *sv, const struct deja_file *file, int fd);
/* The dynamic linker, by its soname, and deja's own object, by its name `path`: what those have decides
 * nothing that a program sees; the linker measures itself. (Not so libc: how long an adaptive mutex
 * spins is taken from the counter, and a mean of it kept in the mutex. PAUSE is not counted there.) */
bool oracles_are_harmless(const struct elf_file *elf, const char *path);

#endif
