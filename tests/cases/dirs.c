/*
 * Directories: getdents in all its users (readdir, scandir, glob, nftw), positions in a
 * directory, chdir and mkdir. Shows that the kernel's own order of names is replayed.
 */
#include "victim.h"
#include <dirent.h>
#include <ftw.h>
#include <glob.h>

enum { FILES = 60 };
static int walked;

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	walked++;
	printf("nftw %s type %d level %d ino %lu\n", path, type, ftw->level,
	       (unsigned long)st->st_ino);
	return 0;
}

struct raw_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static int raw_count(const char *path, size_t size)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_DIRECTORY), count = 0;
	long n;

	T_CHECK(fd >= 0);
	while ((n = syscall(SYS_getdents64, fd, buf, size)) > 0)
		for (long at = 0; at < n; count++) {
			struct raw_dirent *d = (void *)(buf + at);

			printf("raw %s off %lx\n", d->name, (long)d->off);
			at += d->len;
		}
	T_CHECK(n == 0);
	T_CHECK(lseek(fd, 0, SEEK_SET) == 0);
	T_FAILS(EINVAL, syscall(SYS_getdents64, fd, buf, 4));
	close(fd);
	return count;
}

int main(void)
{
	char name[64];
	uint64_t seed = t_seed();
	struct dirent *de, **list;
	long middle = -1;
	int count = 0;

	T_CHECK(mkdir("tree", 0755) == 0 && mkdir("tree/sub", 0755) == 0);
	for (int i = 0; i < FILES; i++) {
		seed = seed * 6364136223846793005u + 1;
		snprintf(name, sizeof(name), "tree/f%06x-%d", (unsigned)(seed >> 40), i);
		t_make_file(name, name);
	}
	DIR *dir = opendir("tree");
	T_CHECK(dir);
	while ((de = readdir(dir))) {
		if (count++ == 10)
			middle = telldir(dir);
		printf("readdir %s %lu %d\n", de->d_name, (unsigned long)de->d_ino, de->d_type);
	}
	T_CHECK(count == FILES + 3);
	seekdir(dir, middle);
	T_CHECK((de = readdir(dir)) != NULL);
	printf("after seekdir %s\n", de->d_name);
	rewinddir(dir);
	T_CHECK(readdir(dir) && closedir(dir) == 0);

	T_CHECK(raw_count("tree", 4096) == FILES + 3);
	T_CHECK(raw_count("tree", 100) == FILES + 3);

	count = scandir("tree", &list, NULL, alphasort);
	T_CHECK(count == FILES + 3);
	for (int i = 0; i < count; i++) {
		printf("scandir %s\n", list[i]->d_name);
		free(list[i]);
	}
	free(list);

	glob_t g;
	T_CHECK(glob("tree/f*-1*", GLOB_NOSORT, NULL, &g) == 0 && g.gl_pathc >= 11);
	for (size_t i = 0; i < g.gl_pathc; i++)
		printf("glob %s\n", g.gl_pathv[i]);
	globfree(&g);
	T_CHECK(glob("tree/zzz*", 0, NULL, &g) == GLOB_NOMATCH);

	T_CHECK(nftw("tree", on_entry, 8, FTW_PHYS) == 0 && walked == FILES + 2);
	int fd = open("tree/sub", O_PATH | O_DIRECTORY);
	T_CHECK(fd >= 0 && fchdir(fd) == 0 && access("../sub", F_OK) == 0);
	T_CHECK(chdir("../..") == 0 && close(fd) == 0);
	T_FAILS(ENOENT, chdir("nothing"));
	T_CHECK(opendir("nothing") == NULL && errno == ENOENT);
	return 0;
}
