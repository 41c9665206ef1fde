/*
 * The texts that a bundle carries for people.
 */
#ifndef DEJA_BUNDLE_README_H
#define DEJA_BUNDLE_README_H

#include "tracefmt/deja.h"

/* Malloc'd; NULL when memory is out. */
char *readme_text(const deja_recording *rec);
char *settings_text(const deja_recording *rec);

#endif
