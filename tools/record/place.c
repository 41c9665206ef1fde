/*
 * See place.h.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/record/place.h"
#include "tools/record/recover.h"

/* mkdir -p, mode 0700. false with errno. */
static bool make_parents(const char *path)
{
	char *copy = strdup(path);
	bool ok = copy;

	for (char *p = copy ? copy + 1 : NULL; ok && p && *p; p++)
		if (*p == '/') {
			*p = 0;
			if (mkdir(copy, 0700) < 0 && errno != EEXIST)
				ok = false;
			*p = '/';
		}
	if (ok && mkdir(copy, 0700) < 0 && errno != EEXIST)
		ok = false;
	free(copy);
	return ok;
}

static bool is_empty_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = d;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			empty = false;
	if (d)
		closedir(d);
	return empty;
}

/* A new name in the default directory, which is made where it is not there. Malloc'd; NULL after
 * printing. */
static char *default_place(const char *command)
{
	const char *app = strrchr(command, '/');
	char *base = cmd_default_dir(), *dir, stamp[32];
	time_t now = time(NULL);

	if (!base) {
		cmd_error("no place for the recording: set DEJA_DIR or HOME, or give -o DIR");
		return NULL;
	}
	if (!make_parents(base)) {
		cmd_error("%s: %s; give another place with -o DIR", base, strerror(errno));
		free(base);
		return NULL;
	}
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", localtime(&now));
	if (asprintf(&dir, "%s/%s-%s-%d", base, app ? app + 1 : command, stamp, (int)getpid()) < 0)
		dir = NULL;
	free(base);
	return dir;
}

/* Can a recording be put into this directory, which is there already? Prints why not. */
static bool can_take(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		cmd_error("%s: exists and is not a directory", dir);
	else if (!is_empty_dir(dir))
		cmd_error("%s: is not empty; a recording never overwrites anything, "
			  "name a new directory",
			  dir);
	else if (chmod(dir, 0700) < 0 || access(dir, W_OK | X_OK) < 0)
		cmd_error("%s: %s", dir, strerror(errno));
	else
		return true;
	return false;
}

char *place_make(const char *name, const char *command, bool *made)
{
	char *dir = name ? strdup(name) : default_place(command), *abs = NULL;

	if (!dir)
		return NULL;
	*made = mkdir(dir, 0700) == 0;
	if (!*made && errno != EEXIST)
		cmd_error("%s: %s", dir, strerror(errno));
	else if (*made || can_take(dir))
		abs = realpath(dir, NULL);
	free(dir);
	return abs;
}

void place_discard(const char *dir, bool made)
{
	static const char *const names[] = {"header", "README.txt", "settings", "note.txt", "f"};
	char sealed[PATH_MAX + 16];

	snprintf(sealed, sizeof(sealed), "%s/.sealed", dir);
	cmd_remove_tree(sealed);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_MAX + 16];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	recover_unlink(dir);
	if (made)
		rmdir(dir);
}

void place_point_latest(const char *dir)
{
	char *base = cmd_default_dir(), *link = NULL, *tmp = NULL;

	if (base && make_parents(base) && asprintf(&link, "%s/latest", base) > 0 &&
	    asprintf(&tmp, "%s/.latest.%d", base, (int)getpid()) > 0) {
		unlink(tmp);
		if (symlink(dir, tmp) == 0 && rename(tmp, link) < 0)
			unlink(tmp);
	}
	free(base);
	free(link);
	free(tmp);
}
