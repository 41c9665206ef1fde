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
/* libc and the dynamic linker, by their sonames, and deja's own object, by its name `path`: what those
 * have decides nothing that a program sees. libc's mutexes take the number of rounds that they spin
 * from the counter, so that their PAUSEs cannot be counted either, and every process would pay for
 * these; the linker measures itself. */
bool oracles_are_harmless(const struct elf_file *elf, const char *path);

#endif
