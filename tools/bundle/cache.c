/*
 * The cache of bundles that were given where a recording is meant: unpacked once, gone when they
 * have not been used for some days.
 */
#include <dirent.h>
#include <fcntl.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "tools/bundle/unpack.h"
#include "tools/cmd.h"

enum { CACHE_DAYS = 3 };

/* A private directory of the user's, made if missing. */
static bool private_dir(const char *path)
{
	struct stat st;

	mkdir(path, 0700);
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & 077) && access(path, W_OK) == 0;
}

static bool cache_dir(char *path, size_t len)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	const char *tmp = getenv("TMPDIR");
	char parent[PATH_MAX];

	if (cache && cache[0] == '/') {
		snprintf(path, len, "%s/deja", cache);
		mkdir(cache, 0700);
		if (private_dir(path))
			return true;
	}
	if (home && home[0] == '/') {
		snprintf(parent, sizeof(parent), "%s/.cache", home);
		mkdir(parent, 0700);
		snprintf(path, len, "%s/deja", parent);
		if (private_dir(path))
			return true;
	}
	snprintf(path, len, "%s/deja-%u", tmp && tmp[0] == '/' ? tmp : "/tmp",
		 (unsigned)geteuid());
	return private_dir(path);
}

/* What has not been used for some days goes; what a killed deja has left, too. */
static void sweep_cache(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] != '.' &&
		    !fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    S_ISDIR(st.st_mode) && time(NULL) - st.st_mtime > CACHE_DAYS * 86400)
			unpack_remove_tree(dirfd(d), e->d_name);
	}
	if (d)
		closedir(d);
}

/* Known by its manifest and its length: what is under that name was checked when it was
 * unpacked. */
int bundle_cache(const char *path)
{
	struct unpacking u = {.path = path};
	char dir[PATH_MAX + 16], out[PATH_MAX + 128], hash[2 * BUNDLE_HASH_LEN + 1];
	struct stat st;
	bool ok = unpack_begin(&u) && unpack_manifest(&u);

	if (ok && !cache_dir(dir, sizeof(dir))) {
		char line[PATH_MAX + 128];

		snprintf(line, sizeof(line), "no place to unpack it: %s: %s", dir,
			 strerror(errno));
		ok = unpack_refuse(&u, line);
	}
	if (ok) {
		sweep_cache(dir);
		snprintf(out, sizeof(out), "%s/%s-%llu", dir, hash_text(u.manifest_hash, hash),
			 (unsigned long long)parts_len(u.in));
		if (lstat(out, &st) == 0 && S_ISDIR(st.st_mode))
			utimensat(AT_FDCWD, out, NULL, 0);
		else
			ok = unpack_all(&u, out);
	}
	unpack_end(&u);
	if (!ok)
		return CMD_UNREADABLE;
	puts(out);
	return fflush(stdout) ? CMD_FAILED : 0;
}
