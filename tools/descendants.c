/*
 * See descendants.h. Used where a replay is broken off: whoever outlived the session would go
 * on in the live world.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tools/descendants.h"

enum { ROUNDS = 2000, ROUND_NS = 2 * 1000 * 1000 };

void descendants_adopt(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void kill_children(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[300];
		int pid;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/children", e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (f && fscanf(f, "%d", &pid) == 1)
			kill(pid, SIGKILL);
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
}

void descendants_end(void)
{
	const struct timespec pause = {.tv_nsec = ROUND_NS};
	pid_t pid;

	for (int i = 0; i < ROUNDS; i++) {
		kill_children();
		while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			return;
		nanosleep(&pause, NULL);
	}
}

/* Parent and threads of a process. False when it is gone. */
static bool look_at(pid_t pid, pid_t *parent, unsigned long *threads)
{
	char path[64], line[1024], *p;
	bool ok = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f) && (p = strrchr(line, ')')))
		ok = sscanf(p + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
				   "%*d %*d %lu",
			    parent, threads) == 2;
	if (f)
		fclose(f);
	return ok;
}

bool descendants_has(pid_t pid)
{
	unsigned long threads;
	pid_t own = getpid();

	for (int depth = 0; depth < 100000 && pid > 1; depth++) {
		if (!look_at(pid, &pid, &threads))
			return false;
		if (pid == own)
			return true;
	}
	return false;
}

uint64_t descendants_count(uint64_t enough)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	uint64_t count = 0;

	while (d && count < enough && (e = readdir(d))) {
		pid_t pid = atoi(e->d_name), parent;
		unsigned long threads = 1;

		if (pid > 0 && descendants_has(pid) && look_at(pid, &parent, &threads))
			count += threads;
	}
	if (d)
		closedir(d);
	return count;
}
