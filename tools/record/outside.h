/*
 * Memory that the tree shares with processes outside of the recording: what those write
 * there is not recorded, so it is said.
 */
#ifndef DEJA_TOOLS_OUTSIDE_H
#define DEJA_TOOLS_OUTSIDE_H

#include "tools/record/track.h"

/* Looks at what every visible process maps; warns of each shared file or segment once. */
void outside_look(struct supervisor *sv);

#endif
