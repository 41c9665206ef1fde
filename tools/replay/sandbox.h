/*
 * What keeps a replayed program, which may be anybody's, from doing anything but compute.
 * Replays need little: their own memory and threads, the recording's stored files, the
 * session's directory, and to write to what they inherited. Called by the launch of a
 * replay. The layers do not rely on our code inside the process: it is in the program's hands.
 */
#ifndef DEJA_TOOLS_SANDBOX_H
#define DEJA_TOOLS_SANDBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sandbox {
	int ruleset;	     /* Landlock, -1: none */
	unsigned landlock;   /* its ABI, 0: this kernel has none */
	void *filter;	     /* seccomp */
	int told[2], answer[2]; /* pipes: the child's notification descriptor, and that it was
				   taken over */
	int notify;	     /* -1: none */
	uint64_t task_max;   /* tasks alive at once */
	uint64_t made;	     /* since they were last counted */
	volatile bool stop;
	bool running;
	pthread_t thread;
};

/* Makes the layers ready. dirs are absolute. files_anywhere: programs and libraries are this
 * system's. task_max: how many processes and threads may be alive. False after printing why
 * not: nothing may be started then. */
bool sandbox_open(struct sandbox *s, const char *session_dir, const char *recording,
		  const char *lib_dir, bool files_anywhere, uint64_t task_max);
/* In the new process, before exec: enters. False: it must not go on. */
bool sandbox_enter(struct sandbox *s);
/* In the supervisor after fork: takes over what the process asks about. */
bool sandbox_watch(struct sandbox *s, pid_t pid);
/* From now on nobody in it may make a process. */
void sandbox_freeze(struct sandbox *s);
void sandbox_close(struct sandbox *s);
/* The layers in words; buf of 256 bytes. */
const char *sandbox_layers(const struct sandbox *s, char *buf, size_t len);

#endif
