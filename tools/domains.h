/*
 * What the supervisor does for domains (processes that share writable memory and run in
 * turns): those that die leave their turns to the others.
 */
#ifndef DEJA_TOOLS_DOMAINS_H
#define DEJA_TOOLS_DOMAINS_H

#include <stdbool.h>
#include "preload/session.h"

/* Recording: the process of this stream is dead, and its events are taken in. turns: the last
 * number of each domain in its stream. True: it died while it had a turn. */
bool domains_forget(struct session *s, uint32_t stream, const uint64_t *turns);
/* The stream that has the token, 0: none. */
uint32_t domain_holder(const struct session *s, unsigned d);
/* Replay: the process of this stream is gone. */
void domains_pass_on(struct session *s, uint32_t stream);

/* Replay: may this process, which waits for a turn, have it now? */
bool domain_turn_due(const struct session *s, const struct slot *slot);
/* Replay: every process waits, and turns are missing from the recording: those before the
 * first that is waited for. False: there is none. */
bool domains_skip(struct session *s);

#endif
