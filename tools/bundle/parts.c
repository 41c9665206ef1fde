/*
 * The file or files of a bundle. Written where nobody sees them and named when they are
 * whole: whoever is killed in the middle leaves nothing under the final name.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/bundle/bundle.h"
#include "tools/cmd.h"

enum { PART_MAX = 999 };

struct part {
	int fd;
	char *temporary; /* its name meanwhile; NULL: it has none at all */
};

struct parts_writer {
	char *path;
	uint64_t part_len, len; /* of the current part */
	struct part part[PART_MAX];
	unsigned count;
};

/* PATH, or PATH.001 and so on. */
static char *part_name(const char *path, bool split, unsigned index)
{
	char *name;

	if (asprintf(&name, split ? "%s.%03u" : "%s", path, index + 1) < 0)
		return NULL;
	return name;
}

static bool part_begin(struct parts_writer *w)
{
	struct part *part = &w->part[w->count];
	char *dir = strdup(w->path), *slash = dir ? strrchr(dir, '/') : NULL;

	if (w->count == PART_MAX) {
		cmd_error("%s: more than %d parts; choose a larger --split", w->path, PART_MAX);
		free(dir);
		return false;
	}
	if (slash)
		slash[slash == dir] = 0;
	part->temporary = NULL;
	part->fd = open(slash ? dir : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (part->fd < 0 && asprintf(&part->temporary, "%s.XXXXXX", w->path) > 0)
		part->fd = mkostemp(part->temporary, O_CLOEXEC);
	free(dir);
	if (part->fd < 0) {
		cmd_error("%s: %s", w->path, strerror(errno));
		free(part->temporary);
		return false;
	}
	w->count++;
	w->len = 0;
	return true;
}

struct parts_writer *parts_create(const char *path, uint64_t part_len)
{
	struct parts_writer *w = calloc(1, sizeof(*w));
	struct stat st;
	char *first = part_name(path, part_len > 0, 0);

	if (!w || !first || !(w->path = strdup(path))) {
		cmd_error("out of memory");
		free(first);
		free(w);
		return NULL;
	}
	w->part_len = part_len;
	if (lstat(first, &st) == 0) {
		cmd_error("%s: exists already; remove it or choose another name with -o", first);
		free(first);
		parts_close(w);
		return NULL;
	}
	free(first);
	if (!part_begin(w)) {
		parts_close(w);
		return NULL;
	}
	return w;
}

bool parts_write(struct parts_writer *w, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len) {
		size_t n = len;
		ssize_t done;

		if (w->part_len && w->len == w->part_len && !part_begin(w))
			return false;
		if (w->part_len && n > w->part_len - w->len)
			n = w->part_len - w->len;
		done = write(w->part[w->count - 1].fd, p, n);
		if (done <= 0) {
			cmd_error("%s: %s", w->path, strerror(errno));
			return false;
		}
		p += done;
		len -= (size_t)done;
		w->len += (uint64_t)done;
	}
	return true;
}

static bool part_commit(struct part *part, const char *name)
{
	char self[64];

	if (part->temporary) {
		if (link(part->temporary, name) < 0)
			return false;
		unlink(part->temporary);
		free(part->temporary);
		part->temporary = NULL;
		return true;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", part->fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
}

bool parts_commit(struct parts_writer *w, unsigned *count)
{
	/* the first last: who finds it finds all */
	for (unsigned i = w->count; i-- > 0;) {
		char *name = part_name(w->path, w->part_len > 0, i);

		if (!name || !part_commit(&w->part[i], name)) {
			cmd_error("%s: %s", name ? name : w->path, strerror(errno));
			free(name);
			while (++i < w->count) {
				name = part_name(w->path, true, i);
				if (name)
					unlink(name);
				free(name);
			}
			return false;
		}
		free(name);
	}
	*count = w->count;
	return true;
}

void parts_close(struct parts_writer *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < w->count; i++) {
		close(w->part[i].fd);
		if (w->part[i].temporary)
			unlink(w->part[i].temporary);
		free(w->part[i].temporary);
	}
	free(w->path);
	free(w);
}

struct parts_reader {
	int fd[PART_MAX];
	unsigned count, current;
	uint64_t len, done;
};

struct parts_reader *parts_open(const char *path)
{
	struct parts_reader *r = calloc(1, sizeof(*r));
	size_t len = strlen(path);
	bool split = len > 4 && !strcmp(path + len - 4, ".001");
	char *stem = split ? strndup(path, len - 4) : strdup(path);

	if (!r || !stem) {
		cmd_error("out of memory");
		goto fail;
	}
	do {
		char *name = part_name(stem, split, r->count);
		struct stat st;
		int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;

		if (fd < 0 && r->count && errno == ENOENT) {
			free(name);
			break;
		}
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
			cmd_error("%s: %s", name ? name : path,
				  fd < 0 ? strerror(errno) : "not a file");
			if (fd >= 0)
				close(fd);
			free(name);
			goto fail;
		}
		free(name);
		r->fd[r->count++] = fd;
		r->len += (uint64_t)st.st_size;
	} while (split && r->count < PART_MAX);
	free(stem);
	return r;
fail:
	free(stem);
	parts_reader_close(r);
	return NULL;
}

long parts_read(struct parts_reader *r, void *buf, size_t len)
{
	while (r->current < r->count) {
		ssize_t n = read(r->fd[r->current], buf, len);

		if (n < 0)
			return -1;
		if (n > 0) {
			r->done += (uint64_t)n;
			return n;
		}
		r->current++;
	}
	return 0;
}

uint64_t parts_len(const struct parts_reader *r)
{
	return r->len;
}

uint64_t parts_done(const struct parts_reader *r)
{
	return r->done;
}

unsigned parts_count(const struct parts_reader *r)
{
	return r->count;
}

void parts_reader_close(struct parts_reader *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->count; i++)
		close(r->fd[i]);
	free(r);
}
