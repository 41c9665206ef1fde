/*
 * The programs of lib/deja that do what needs more libraries than the command should load at
 * each start: deja-bundle, deja-look, deja-share.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tools/cmd.h"

/* Beside the runtime objects: PREFIX/lib/deja, whether we are there or in PREFIX/bin. Malloc'd;
 * NULL after printing why not. */
static char *helper_path(const char *name)
{
	char self[PATH_MAX], *slash, *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *room = "/";

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	slash = strrchr(self, '/');
	if (slash && !strcmp(slash, "/bin")) {
		*slash = 0;
		room = "/lib/deja/";
	}
	if (asprintf(&path, "%s%s%s", self, room, name) < 0)
		return NULL;
	if (access(path, X_OK) < 0) {
		cmd_error("%s: %s; is deja installed completely?", path, strerror(errno));
		free(path);
		return NULL;
	}
	return path;
}

int cmd_become_helper(const char *name, char **argv)
{
	argv[0] = helper_path(name);
	if (!argv[0])
		return CMD_FAILED;
	fflush(NULL);
	execv(argv[0], argv);
	cmd_error("%s: %s", argv[0], strerror(errno));
	return CMD_FAILED;
}

int cmd_run_helper(const char *name, char **argv)
{
	int status = 0;
	pid_t pid, ended;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(cmd_become_helper(name, argv));
	do
		ended = pid < 0 ? pid : waitpid(pid, &status, 0);
	while (ended < 0 && pid > 0 && errno == EINTR);
	if (ended < 0) {
		cmd_error("%s: %s", name, strerror(errno));
		return CMD_FAILED;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	cmd_error("%s died of signal %d", name, WTERMSIG(status));
	return CMD_FAILED;
}
