/*
 * Where the files are that debug information names.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/sources/sources.h"

enum { SOURCE_MAX_LEN = 64 << 20 };

/* The name without ".", ".." and doubled slashes, malloc'd. */
static char *find_plain_name(const char *path)
{
	char *plain = malloc(strlen(path) + 2), *end = plain;

	if (!plain)
		return NULL;
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && !memcmp(path, "..", 2)) {
			while (end > plain && *--end != '/')
				;
		} else if (n && !(n == 1 && *path == '.')) {
			*end++ = '/';
			memcpy(end, path, n);
			end += n;
		}
		path += n + (path[n] == '/');
	}
	*end = 0;
	return plain;
}

/* A regular file without NUL bytes: whoever made the program chose the name. */
static bool is_text(const char *path, int64_t *mtime_ns)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	static char buf[1 << 16];
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= SOURCE_MAX_LEN)
		while ((n = read(fd, buf, sizeof(buf))) > 0 && !memchr(buf, 0, (size_t)n))
			;
	*mtime_ns = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
	close(fd);
	return n == 0;
}

static char *below(const char *dir, const char *path, int64_t *mtime_ns)
{
	char *plain = find_plain_name(path), *where = NULL;

	for (const char *at = plain; at && *at && !where; at = strchr(at + 1, '/')) {
		if (asprintf(&where, "%s%s", dir, at) < 0)
			where = NULL;
		if (where && !is_text(where, mtime_ns)) {
			free(where);
			where = NULL;
		}
	}
	free(plain);
	return where;
}

static void find_one(struct sources *s, struct source *source, const char *dir)
{
	const struct deja_file *f = keep_find(&s->kept_sources, source->path);
	char place[PATH_MAX];
	int64_t mtime_ns = 0;

	if (f && access(keep_place(&s->kept_sources, f, place), R_OK) == 0) {
		source->state = SOURCE_STORED;
		source->where = strdup(place);
		mtime_ns = f->mtime_ns;
	} else {
		if (dir)
			source->where = below(dir, source->path, &mtime_ns);
		else if (is_text(source->path, &mtime_ns))
			source->where = strdup(source->path);
		source->state = source->where ? SOURCE_FOUND : SOURCE_MISSING;
	}
	source->newer = source->where && source->program_mtime_ns && mtime_ns > source->program_mtime_ns;
}

void find_sources(struct sources *s, const char *dir)
{
	for (size_t i = 0; i < s->source_count; i++)
		find_one(s, &s->sources[i], dir);
}
