/*
 * Files and directories of recordings: copying, removing, making anew under a hidden name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/cmd.h"

bool cmd_remove_tree(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char child[PATH_MAX];

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, e->d_name);
		if (unlink(child) < 0 && errno == EISDIR)
			cmd_remove_tree(child);
	}
	if (d)
		closedir(d);
	return rmdir(path) == 0;
}

bool cmd_copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), out = -1;
	struct stat st;
	ssize_t n = -1;

	if (in >= 0 && fstat(in, &st) == 0)
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0700);
	while (out >= 0 && (n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0)) > 0)
		;
	if (out >= 0 && n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) {
		char buf[1 << 16];

		while ((n = read(in, buf, sizeof(buf))) > 0 && write(out, buf, (size_t)n) == n)
			;
	}
	if (n)
		cmd_error("%s: cannot be copied to %s: %s", from, to, strerror(errno));
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return n == 0;
}

char *cmd_work_dir(const char *out)
{
	const char *slash = strrchr(out, '/');
	char *path;

	if (access(out, F_OK) == 0) {
		cmd_error("%s: exists already; name a new directory with -o", out);
		return NULL;
	}
	if (asprintf(&path, "%.*s.%s.XXXXXX", (int)(slash ? slash + 1 - out : 0), out,
		     slash ? slash + 1 : out) < 0)
		return NULL;
	if (mkdtemp(path))
		return path;
	cmd_error("%s: %s", out, strerror(errno));
	free(path);
	return NULL;
}
