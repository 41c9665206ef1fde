/*
 * What whoever executed `deja record` gave, and is the command's: descriptors, limits, timers, the
 * disposition of SIGXFSZ. The recorder takes none of it for itself. Called by record.c.
 */
#ifndef DEJA_TOOLS_GIVEN_H
#define DEJA_TOOLS_GIVEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/time.h>

struct given {
	int *fds; /* from 3 up; malloc'd, until given_drop() */
	size_t fd_count;
	bool input;	   /* descriptor 0 is open */
	bool xfsz_default; /* SIGXFSZ was not ignored */
	struct rlimit files;
	struct itimerval timers[3];
};

/* Before anything is opened here. From here on a limit on file sizes is an error to us, not the end. */
void given_take(struct given *g);

/* Raises the recorder's limit of open files: every process being recorded takes two. False after
 * printing that it is too low. */
bool given_raise_files(struct given *g);

/* Stops the timers: alarms of who executed us are the command's. Right before the launch. */
void given_stop_timers(struct given *g);

/* After the launch: closes what is the command's here. */
void given_drop(struct given *g);

#endif
