/*
 * See target.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "preload/exec_target.h"
#include "tools/cmd.h"
#include "tools/record/target.h"
#include "tools/session.h"

char *target_find(const char *name, int *status)
{
	const char *path = getenv("PATH");
	bool denied = false;

	*status = CMD_NOT_FOUND;
	if (strchr(name, '/')) {
		struct stat st;

		if (stat(name, &st) < 0) {
			cmd_error("%s: %s", name, strerror(errno));
			return NULL;
		}
		*status = CMD_NOT_EXECUTABLE;
		if (S_ISDIR(st.st_mode)) {
			cmd_error("%s: is a directory", name);
			return NULL;
		}
		if (access(name, X_OK) < 0) {
			cmd_error("%s: %s", name, strerror(errno));
			return NULL;
		}
		return strdup(name);
	}
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*name) {
		size_t len = strcspn(path, ":");
		char *full;
		struct stat st;

		if (asprintf(&full, "%.*s%s%s", (int)len, path, len ? "/" : "./", name) < 0)
			return NULL;
		if (stat(full, &st) == 0 && S_ISREG(st.st_mode)) {
			if (access(full, X_OK) == 0)
				return full;
			denied = true;
		}
		free(full);
		path += len;
		if (!*path++)
			break;
	}
	if (denied) {
		*status = CMD_NOT_EXECUTABLE;
		cmd_error("%s: found in PATH, but not executable", name);
	} else {
		cmd_error("%s: command not found", name);
	}
	return NULL;
}

bool target_can_be_recorded(const char *path)
{
	const char *why = NULL;

	switch (exec_target(AT_FDCWD, path, !session_can_dispatch())) {
	case EXEC_TARGET_OK:
		return true;
	case EXEC_TARGET_STATIC:
		why = "is statically linked, so nothing can be preloaded into it; record a "
		      "dynamically linked build";
		break;
	case EXEC_TARGET_ARCH:
		why = "is not an x86-64 program";
		break;
	case EXEC_TARGET_SETUID:
		why = "is set-uid, set-gid or has capabilities, so the system ignores "
		      "preloading; record a copy of it, as the user it would become";
		break;
	case EXEC_TARGET_TWO_USERS:
		why = "would run with different real and effective users or groups, so the system "
		      "ignores preloading; run deja as one user";
		break;
	case EXEC_TARGET_LIBC:
		why = "uses another C library than glibc";
		break;
	}
	cmd_error("%s: cannot be recorded: it %s", path, why);
	return false;
}
