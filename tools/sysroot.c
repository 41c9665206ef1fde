/*
 * See sysroot.h. Names come from a recording that may be hostile: none leads out of the
 * directory.
 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/elf.h"
#include "tools/sysroot.h"

static bool is_plain(const char *path)
{
	return path[0] == '/' && path[1] && !strstr(path, "/../") && !strstr(path, "//") &&
	       strlen(path) < PATH_MAX / 2 && path[strlen(path) - 1] != '/' &&
	       strcmp(path + strlen(path) - strlen("/.."), "/..");
}

/* Links `name` to target unless it is there; makes the directories above it. */
static void link_to(const char *target, char *name, size_t root_len)
{
	for (char *p = name + root_len + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			mkdir(name, 0700);
			*p = '/';
		}
	if (symlink(target, name) < 0 && errno != EEXIST && errno != ENOTDIR)
		cmd_error("%s: %s", name, strerror(errno));
}

static void link_file(const char *dir, const char *rec_path, const struct deja_file *f)
{
	char target[PATH_MAX], name[PATH_MAX];
	struct elf_file elf;
	const char *base = strrchr(f->path, '/'), *soname;

	if (!base || !is_plain(f->path) || strspn(f->hash, "0123456789abcdef") != 32 ||
	    snprintf(target, sizeof(target), "%s/f/%s", rec_path, f->hash) >=
		    (int)sizeof(target))
		return;
	snprintf(name, sizeof(name), "%s/root%s", dir, f->path);
	link_to(target, name, strlen(dir));
	snprintf(name, sizeof(name), "%s/names%s", dir, base);
	link_to(target, name, strlen(dir));
	if (!elf_open(&elf, target))
		return;
	soname = elf_soname(&elf);
	if (soname && *soname && !strchr(soname, '/') && strlen(soname) < NAME_MAX) {
		snprintf(name, sizeof(name), "%s/names/%s", dir, soname);
		link_to(target, name, strlen(dir));
	}
	elf_close(&elf);
}

bool sysroot_make(const char *dir, deja_recording *rec, const char *rec_path, uint32_t first)
{
	const struct deja_file *f = first ? deja_file_by_id(rec, first) : NULL;
	static const char *const rooms[] = {"root", "names"};
	char room[PATH_MAX + 16];

	for (size_t i = 0; i < 2; i++) {
		snprintf(room, sizeof(room), "%s/%s", dir, rooms[i]);
		if (mkdir(room, 0700) < 0) {
			cmd_error("%s: %s", room, strerror(errno));
			return false;
		}
	}
	if (f)
		link_file(dir, rec_path, f);
	for (size_t i = 0; i < deja_file_count(rec); i++)
		link_file(dir, rec_path, deja_file_at(rec, i));
	return true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void sysroot_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
