/*
 * The output of a replay on its way to a terminal: what a terminal would obey is shown
 * instead, but for line ends, tabs and colours. A recording may be anybody's.
 */
#ifndef DEJA_TOOLS_TERMINAL_H
#define DEJA_TOOLS_TERMINAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct terminal_state {
	char escape[32];    /* an escape sequence that may be a colour, so far */
	size_t escape_len;
	unsigned more;	    /* bytes that the character still needs */
	bool after_c2;
};

/* Filters len bytes of `in` to `out`, which has room for 4 * len + 128. Returns the length. What
 * is not decided yet stays in *s. */
size_t terminal_filter(struct terminal_state *s, const char *in, size_t len, char *out);

struct terminal {
	int out_fd[3]; /* where role 1, 2 writes: a pipe, or the role's own descriptor */
	int from, to;  /* the pipe's other end, the terminal; -1 */
	bool running;
	pthread_t thread;
};

/* Sets out_fd: pipes for those of stdout and stderr that are terminals, unless raw. */
bool terminal_open(struct terminal *t, bool raw);
/* Writes out what is left. All writers but the caller's process must be gone. */
void terminal_close(struct terminal *t);

#endif
