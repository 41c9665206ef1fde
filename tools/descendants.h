/*
 * All processes below this one.
 */
#ifndef DEJA_TOOLS_DESCENDANTS_H
#define DEJA_TOOLS_DESCENDANTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* From now on orphans among them become children of the calling process. */
void descendants_adopt(void);
/* Kills and reaps all of them, also those that are just being born; gives up after some
 * seconds. */
void descendants_end(void);

/* Whether this process is one of them. */
bool descendants_has(pid_t pid);
/* How many threads they have; counts no further than `enough`. */
uint64_t descendants_count(uint64_t enough);

#endif
