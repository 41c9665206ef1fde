/*
 * See descendants.h. Used where a replay is broken off: whoever outlived the session would go
 * on in the live world.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
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
