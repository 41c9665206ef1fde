/*
 * The program that `deja record` is to run. Called by record.c.
 */
#ifndef DEJA_TOOLS_TARGET_H
#define DEJA_TOOLS_TARGET_H

#include <stdbool.h>

/* The file that exec would run for a command name. Malloc'd; NULL after printing why: *status is
 * then what a shell would end with. */
char *target_find(const char *name, int *status);

/* Can the runtime be preloaded into the program at path? Prints why not. */
bool target_can_be_recorded(const char *path);

#endif
