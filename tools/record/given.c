/*
 * See given.h.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/record/given.h"

enum { FILES_NEEDED = 32, FILES_WANTED = 1200 }; /* descriptors */

/* Descriptors that whoever executed us opened, for the command: a pipe that it closes must be seen
 * closed at the other end. Malloc'd; *count of them. */
static int *inherited_files(size_t *count)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int *files = NULL, *grown;

	*count = 0;
	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name);

		if (!isdigit((unsigned char)e->d_name[0]) || fd < 3 || fd == dirfd(d))
			continue;
		grown = realloc(files, (*count + 1) * sizeof(*files));
		if (!grown)
			break;
		files = grown;
		files[(*count)++] = fd;
	}
	if (d)
		closedir(d);
	return files;
}

void given_take(struct given *g)
{
	g->fds = inherited_files(&g->fd_count);
	g->input = fcntl(0, F_GETFD) >= 0;
	g->xfsz_default = signal(SIGXFSZ, SIG_IGN) == SIG_DFL;
}

bool given_raise_files(struct given *g)
{
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, &g->files) < 0)
		return true;
	raised = g->files;
	if (raised.rlim_max < FILES_WANTED) {
		raised.rlim_max = FILES_WANTED;
		if (setrlimit(RLIMIT_NOFILE, &raised) < 0)
			raised.rlim_max = g->files.rlim_max;
	}
	raised.rlim_cur = raised.rlim_max;
	setrlimit(RLIMIT_NOFILE, &raised);
	if (raised.rlim_cur >= FILES_NEEDED)
		return true;
	cmd_error("at most %llu open files are allowed here (ulimit -Hn), the recorder needs %d and two for "
		  "each process; raise the limit and set it in the command: sh -c 'ulimit -n N; exec CMD'",
		  (unsigned long long)raised.rlim_cur, FILES_NEEDED);
	return false;
}

void given_stop_timers(struct given *g)
{
	static const struct itimerval no_timer;

	for (int i = 0; i < 3; i++)
		setitimer(i, &no_timer, &g->timers[i]);
}

void given_drop(struct given *g)
{
	int null;

	for (size_t i = 0; i < g->fd_count; i++)
		close(g->fds[i]);
	free(g->fds);
	if (!g->input || isatty(0))
		return;
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null > 0) {
		dup2(null, 0);
		close(null);
	}
}
