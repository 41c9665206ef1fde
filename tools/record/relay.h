/*
 * Signals that come to `deja record`: which of them are meant for the command, and stopping as it
 * stops (^Z). Used by the supervisor's loop and by whoever launches the command.
 */
#ifndef DEJA_TOOLS_RELAY_H
#define DEJA_TOOLS_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* Blocks all signals until relay_start; *mask: what was blocked before. Call it before the fork:
 * a signal in between waits, and the command's dispositions are those that we were given. */
void relay_hold(sigset_t *mask);
/* After the fork: takes signals from now on. */
void relay_start(void);

/* Passes on to the command what came for it. is_ours(arg, pid): this process belongs to the tree;
 * what one of those sends to its group reaches the command without us. *waits: some may be passed
 * on a little later, if relay_seen does not tell of them. Returns the number of a signal that came
 * after relay_ended and asks us to end, or 0. */
int relay_pass(pid_t command, bool (*is_ours)(void *arg, pid_t pid), void *arg, bool *waits);
/* The command has ended: nothing is passed on any more. */
void relay_ended(void);
/* The command has got this signal from this process. */
void relay_seen(int signo, pid_t sender);
/* The command was stopped by this signal. If that was the terminal's doing (^Z) or the command's own,
 * for its group, so are we, until somebody continues us; the command goes on then, too. */
void relay_stop(pid_t command, int signo);

#endif
