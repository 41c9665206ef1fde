/*
 * See sysroot.h. Names come from a recording that may be hostile: none leads out of the
 * directory.
 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <msgpack.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/elf.h"
#include "tools/replay/sysroot.h"
#include "tracefmt/header.h"

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

/* Under its name, with the directories that the name goes through: "a/b/../c" needs a/b, too. A
 * copy: an editor may write to it. */
static void copy_source(const char *dir, const char *rec_path, const struct deja_file *f)
{
	char from[PATH_MAX], name[PATH_MAX], *start, *end;
	const char *path = f->path;

	if (path[0] != '/' || strlen(path) > PATH_MAX / 2 || strspn(f->hash, "0123456789abcdef") != 32 ||
	    snprintf(from, sizeof(from), "%s/sources/%s", rec_path, f->hash) >= (int)sizeof(from))
		return;
	start = end = name + snprintf(name, PATH_MAX / 3, "%s/src", dir);
	while (*path) {
		size_t n = strcspn(path, "/");

		mkdir(name, 0700);
		if (n == 2 && !memcmp(path, "..", 2)) {
			while (end > start && *--end != '/')
				;
			*end = 0;
		} else if (n && !(n == 1 && *path == '.')) {
			end += sprintf(end, "/%.*s", (int)n, path);
		}
		path += n + (path[n] == '/');
	}
	if (end > start && access(name, F_OK) < 0)
		cmd_copy_file(from, name);
}

/* Where gdb looks for it: by its build id, and beside the program. */
static void link_debug(const char *dir, const char *rec_path, const struct deja_file *f)
{
	char target[PATH_MAX], name[PATH_MAX], id[129];
	struct elf_file elf;

	if (strspn(f->hash, "0123456789abcdef") != 32 ||
	    snprintf(target, sizeof(target), "%s/debug/%s", rec_path, f->hash) >= (int)sizeof(target) ||
	    !elf_open(&elf, target))
		return;
	if (strlen(elf_build_id(&elf, id)) > 2) {
		snprintf(name, sizeof(name), "%s/debug/.build-id/%.2s/%s.debug", dir, id, id + 2);
		link_to(target, name, strlen(dir));
	}
	elf_close(&elf);
	if (is_plain(f->path)) {
		snprintf(name, sizeof(name), "%s/root%s", dir, f->path);
		link_to(target, name, strlen(dir));
	}
}

/* Each file of REC/name's index; a recording mostly has none. */
static void for_kept(const char *dir, const char *rec_path, const char *name,
		     void (*each)(const char *dir, const char *rec_path, const struct deja_file *f))
{
	char path[PATH_MAX];
	struct deja_error err = {0};
	const struct deja_file *files;
	msgpack_zone *zone = msgpack_zone_new(4096);
	size_t count = 0;

	snprintf(path, sizeof(path), "%s/%s", rec_path, name);
	if (zone && tf_files_read(path, zone, &files, &count, &err) < 0)
		cmd_error("%s", err.message);
	else
		for (size_t i = 0; zone && i < count; i++)
			each(dir, rec_path, &files[i]);
	if (zone)
		msgpack_zone_free(zone);
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
	for_kept(dir, rec_path, "debug", link_debug);
	for_kept(dir, rec_path, "sources", copy_source);
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
