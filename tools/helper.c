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
#include "tools/installed.h"

int cmd_become_helper(const char *name, char **argv)
{
	static char path[PATH_MAX];

	if (!installed_part(name, path, sizeof(path)))
		return CMD_FAILED;
	argv[0] = path;
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
