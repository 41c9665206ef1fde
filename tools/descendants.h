/*
 * All processes below this one.
 */
#ifndef DEJA_TOOLS_DESCENDANTS_H
#define DEJA_TOOLS_DESCENDANTS_H

/* From now on orphans among them become children of the calling process. */
void descendants_adopt(void);
/* Kills and reaps all of them, also those that are just being born; gives up after some
 * seconds. */
void descendants_end(void);

#endif
