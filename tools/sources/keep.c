/*
 * REC/sources and REC/debug: contents by their hash, and an index as that of the mapped files.
 */
#include <errno.h>
#include <limits.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/sources/sources.h"
#include "tools/cmd.h"
#include "tools/store.h"
#include "tracefmt/header.h"

bool keep_open(struct kept *k, const char *rec_path, const char *name)
{
	const struct deja_file *files;
	struct deja_error err = {0};

	memset(k, 0, sizeof(*k));
	snprintf(k->dir, sizeof(k->dir), "%s/%s", rec_path, name);
	k->zone = msgpack_zone_new(4096);
	if (!k->zone || tf_files_read(k->dir, k->zone, &files, &k->count, &err) < 0) {
		cmd_error("%s", k->zone ? err.message : "out of memory");
		return false;
	}
	k->room = k->count;
	k->files = calloc(k->room + 1, sizeof(*k->files));
	if (!k->files) {
		cmd_error("out of memory");
		return false;
	}
	memcpy(k->files, files, k->count * sizeof(*files));
	return true;
}

const struct deja_file *keep_find(const struct kept *k, const char *path)
{
	for (size_t i = 0; i < k->count; i++)
		if (!strcmp(k->files[i].path, path))
			return &k->files[i];
	return NULL;
}

const char *keep_place(const struct kept *k, const struct deja_file *f, char *buf)
{
	snprintf(buf, PATH_MAX, "%.3900s/%.64s", k->dir, f->hash);
	return buf;
}

static struct deja_file *entry(struct kept *k, const char *path)
{
	struct deja_file *f = (struct deja_file *)keep_find(k, path);

	if (f)
		return f;
	if (k->count == k->room) {
		size_t room = k->room ? 2 * k->room : 64;
		struct deja_file *grown = reallocarray(k->files, room, sizeof(*grown));

		if (!grown)
			return NULL;
		k->files = grown;
		k->room = room;
	}
	f = &k->files[k->count];
	memset(f, 0, sizeof(*f));
	f->path = strdup(path);
	f->id = (uint32_t)k->count + 1;
	if (!f->path)
		return NULL;
	k->count++;
	return f;
}

bool keep_add(struct kept *k, const char *path, const char *from)
{
	char temp[sizeof(k->dir) + 16], place[PATH_MAX], hash[STORE_HASH_LEN + 1];
	struct deja_file *f;
	struct stat st;

	if (mkdir(k->dir, 0700) < 0 && errno != EEXIST) {
		cmd_error("%s: %s", k->dir, strerror(errno));
		return false;
	}
	snprintf(temp, sizeof(temp), "%s/.new", k->dir);
	unlink(temp);
	if (stat(from, &st) < 0 || !cmd_copy_file(from, temp)) /* it says why */
		return false;
	f = store_hash(temp, hash) && chmod(temp, 0600) == 0 ? entry(k, path) : NULL;
	if (!f || rename(temp, keep_place(k, &(struct deja_file){.hash = hash}, place)) < 0) {
		cmd_error("%s: cannot be stored: %s", from, strerror(errno));
		unlink(temp);
		return false;
	}
	f->hash = strdup(hash); /* lives as long as the process, as the paths do */
	if (!f->hash)
		return false;
	f->size = (uint64_t)st.st_size;
	f->mode = st.st_mode;
	f->mtime_ns = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
	f->exact = true;
	k->changed = true;
	return true;
}

bool keep_commit(struct kept *k)
{
	struct deja_error err = {0};

	if (!k->changed || tf_files_write(k->dir, k->files, k->count, &err) == 0)
		return true;
	cmd_error("%s", err.message);
	return false;
}
