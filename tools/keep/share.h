/*
 * What `deja scan`, `deja redact` and the policy of `deja pack` pass on to deja-share.
 */
#ifndef DEJA_TOOLS_SHARE_H
#define DEJA_TOOLS_SHARE_H

#include "tools/cmd.h"

enum { SHARE_OPTION_MAX = 80 };

/* Zero it first. */
struct share_options {
	char *arg[SHARE_OPTION_MAX];
	size_t count;
};

/* Takes one of the options --rules, --email, --ip, --json, -q, --keep. False after printing what is
 * wrong with it. */
bool share_option(struct share_options *o, int key);
/* Runs deja-share's command on a recording's directory; out: a second directory, or NULL. Its exit
 * status. o may be NULL. */
int share_run(const struct share_options *o, const char *command, const char *recording,
	      const char *out);

#endif
