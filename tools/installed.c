/*
 * See installed.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "preload/session.h"
#include "tools/cmd.h"
#include "tools/installed.h"

bool installed_dir(char *path, size_t len)
{
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *below = "";

	if (n < 0) {
		cmd_error("/proc/self/exe: %s; deja needs /proc", strerror(errno));
		return false;
	}
	self[n] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	slash = strrchr(self, '/');
	if (slash && !strcmp(slash, "/bin")) {
		*slash = 0;
		below = "/lib/deja";
	}
	return (size_t)snprintf(path, len, "%s%s", self, below) < len;
}

bool installed_part(const char *name, char *path, size_t len)
{
	size_t dir_len;

	if (!installed_dir(path, len))
		return false;
	dir_len = strlen(path);
	if ((size_t)snprintf(path + dir_len, len - dir_len, "/%s", name) >= len - dir_len)
		return false;
	if (access(path, R_OK) < 0) {
		cmd_error("%s: %s; is deja installed completely?", path, strerror(errno));
		return false;
	}
	return true;
}

bool installed_is_runtime(const char *path, size_t len)
{
	static const char deleted[] = " (deleted)";
	const char *slash = memrchr(path, '/', len), *name = slash ? slash + 1 : path;
	size_t name_len = len - (size_t)(name - path), tail = sizeof(deleted) - 1;

	if (name_len > tail && !memcmp(name + name_len - tail, deleted, tail))
		name_len -= tail;
	return (name_len == strlen(SESSION_RECORD_OBJECT) &&
		!memcmp(name, SESSION_RECORD_OBJECT, name_len)) ||
	       (name_len == strlen(SESSION_REPLAY_OBJECT) &&
		!memcmp(name, SESSION_REPLAY_OBJECT, name_len));
}
