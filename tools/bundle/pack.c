/*
 * Packing: two passes over the members. The first takes their hashes, for the manifest
 * that comes first; the second writes them. The same recording gives the same bytes:
 * members in a fixed order, owned by nobody, dated at the recording's start.
 */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/bundle/bundle.h"
#include "tools/cmd.h"
#include "tools/readme.h"

enum { DEPTH_MAX = 8, HASH_THREADS = 2 };

struct packing {
	const char *dir;
	struct manifest manifest;
	struct parts_writer *out;
	struct sha256_ctx sha; /* of the bundle */
	uint64_t written, done;
	size_t next; /* member to hash, atomic */
	bool failed;
};

/* --- which files --- */

/* A subdirectory's files, in any order. */
static bool add_tree(struct packing *p, const char *name, unsigned depth)
{
	char path[PATH_MAX], child[PATH_MAX];
	struct dirent *e;
	bool ok = true;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	d = opendir(path);
	while (ok && d && (e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] == '.')
			continue;
		snprintf(child, sizeof(child), "%s/%s", name, e->d_name);
		if (!manifest_name_ok(child)) {
			cmd_error("%s/%s: left out: its name has characters that no bundle may hold",
				  p->dir, child);
			continue;
		}
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			ok = add_tree(p, child, depth + 1);
		else if (S_ISREG(st.st_mode))
			ok = manifest_add(&p->manifest, child, NULL) != NULL;
	}
	if (d)
		closedir(d);
	return ok;
}

static int by_rank(const char *name)
{
	static const char *const first[] = {"README.txt", "note.txt", "settings", "header",
					    "files"};

	for (int i = 0; i < 5; i++)
		if (!strcmp(name, first[i]))
			return i;
	return strchr(name, '/') ? 7 : 6;
}

/* What tells most first: who reads a bundle to its streams needs nothing behind them. */
static int by_order(const void *a, const void *b)
{
	const char *x = ((const struct member *)a)->name, *y = ((const struct member *)b)->name;
	int rank = by_rank(x) - by_rank(y);

	return rank ? rank : strverscmp(x, y);
}

static bool is_stream(const char *name)
{
	unsigned n;
	char tail;

	return !strcmp(name, "x1.zst") || sscanf(name, "p%u.zst%c", &n, &tail) == 1;
}

static bool add_members(struct packing *p, const deja_recording *rec, const char *note)
{
	static const char *const tops[] = {"header", "files", "redacted", "annotations"};
	static const char *const trees[] = {"f", "sources", "debug"};
	DIR *d = opendir(p->dir);
	struct dirent *e;
	char path[PATH_MAX];
	struct stat st;
	bool ok = d != NULL;

	for (int i = 0; ok && i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", p->dir, tops[i]);
		if (stat(path, &st) == 0)
			ok = manifest_add(&p->manifest, tops[i], NULL) != NULL;
	}
	while (ok && (e = readdir(d)))
		if (is_stream(e->d_name))
			ok = manifest_add(&p->manifest, e->d_name, NULL) != NULL;
	for (int i = 0; ok && i < 3; i++)
		ok = add_tree(p, trees[i], 1);
	if (d)
		closedir(d);
	ok = ok && manifest_add(&p->manifest, "README.txt", readme_text(deja_header(rec))) &&
	     manifest_add(&p->manifest, "settings", settings_text(deja_header(rec)));
	snprintf(path, sizeof(path), "%s/note.txt", p->dir);
	if (ok && note) {
		char *text = note_read(note);

		ok = text && manifest_add(&p->manifest, "note.txt", text);
	} else if (ok && stat(path, &st) == 0) {
		ok = manifest_add(&p->manifest, "note.txt", NULL) != NULL;
	}
	if (!ok) {
		cmd_error("%s: %s", p->dir, strerror(errno));
		return false;
	}
	qsort(p->manifest.member, p->manifest.count, sizeof(*p->manifest.member), by_order);
	return true;
}

/* --- the first pass --- */

static int open_member(const struct packing *p, const struct member *m, struct stat *st)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->dir, m->name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		cmd_error("%s: %s", path, strerror(errno));
	return fd;
}

static bool hash_member(struct packing *p, struct member *m, uint8_t *buf)
{
	struct sha256_ctx sha;
	struct stat st;
	ssize_t n;
	int fd;

	sha256_init(&sha);
	m->mode = 0600;
	if (m->text) {
		sha256_update(&sha, m->size, (const uint8_t *)m->text);
		sha256_digest(&sha, sizeof(m->hash), m->hash);
		return true;
	}
	fd = open_member(p, m, &st);
	if (fd < 0)
		return false;
	if (!strncmp(m->name, "f/", 2))
		m->mode = 0500;
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	while ((n = read(fd, buf, BUNDLE_BUFFER_LEN)) > 0) {
		sha256_update(&sha, (size_t)n, buf);
		m->size += (uint64_t)n;
	}
	close(fd);
	if (n < 0)
		cmd_error("%s/%s: %s", p->dir, m->name, strerror(errno));
	sha256_digest(&sha, sizeof(m->hash), m->hash);
	return n == 0;
}

static void *hash_some(void *arg)
{
	struct packing *p = arg;
	uint8_t *buf = malloc(BUNDLE_BUFFER_LEN);
	size_t i;

	while (buf && !p->failed &&
	       (i = __atomic_fetch_add(&p->next, 1, __ATOMIC_RELAXED)) < p->manifest.count)
		if (!hash_member(p, &p->manifest.member[i], buf))
			p->failed = true;
	if (!buf)
		p->failed = true;
	free(buf);
	return NULL;
}

static bool hash_all(struct packing *p)
{
	pthread_t thread[HASH_THREADS];
	int made = 0;

	while (made < HASH_THREADS && !pthread_create(&thread[made], NULL, hash_some, p))
		made++;
	if (!made)
		hash_some(p);
	while (made)
		pthread_join(thread[--made], NULL);
	for (size_t i = 0; i < p->manifest.count; i++)
		p->manifest.total += p->manifest.member[i].size;
	return !p->failed;
}

/* --- the second pass --- */

static la_ssize_t on_write(struct archive *a, void *arg, const void *bytes, size_t len)
{
	struct packing *p = arg;

	sha256_update(&p->sha, len, bytes);
	p->written += len;
	return parts_write(p->out, bytes, len) ? (la_ssize_t)len : -1;
}

static bool write_header(struct archive *a, const char *name, uint64_t size, unsigned mode,
			 int64_t when_s)
{
	struct archive_entry *entry = archive_entry_new();
	bool ok;

	archive_entry_set_pathname(entry, name);
	archive_entry_set_size(entry, (int64_t)size);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, (mode_t)mode);
	archive_entry_set_mtime(entry, when_s > 0 ? when_s : 0, 0);
	ok = archive_write_header(a, entry) == ARCHIVE_OK;
	archive_entry_free(entry);
	return ok;
}

static bool write_file(struct packing *p, struct archive *a, const struct member *m,
		       uint8_t *buf)
{
	uint64_t left = m->size;
	struct stat st;
	int fd = open_member(p, m, &st);
	bool ok = fd >= 0;

	while (ok && left) {
		size_t want = left < BUNDLE_BUFFER_LEN ? (size_t)left : BUNDLE_BUFFER_LEN;
		ssize_t n = read(fd, buf, want);

		if (n <= 0) {
			cmd_error("%s/%s: it changes while it is being packed", p->dir, m->name);
			ok = false;
		} else if (archive_write_data(a, buf, (size_t)n) != n) {
			ok = false;
		} else {
			left -= (uint64_t)n;
			p->done += (uint64_t)n;
			progress("packing", p->done, p->manifest.total);
		}
	}
	if (ok && read(fd, buf, 1) != 0) {
		cmd_error("%s/%s: it changes while it is being packed", p->dir, m->name);
		ok = false;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool write_all(struct packing *p, int64_t when_s)
{
	struct archive *a = archive_write_new();
	uint8_t *buf = malloc(BUNDLE_BUFFER_LEN);
	size_t len = 0;
	char *text = manifest_text(&p->manifest, &len);
	bool ok = a && buf && text && archive_write_add_filter_zstd(a) == ARCHIVE_OK &&
		  archive_write_set_format_pax_restricted(a) == ARCHIVE_OK;

	if (ok) {
		archive_write_set_bytes_in_last_block(a, 1); /* no padding behind the zstd frame */
		archive_write_set_filter_option(a, "zstd", "compression-level", "3");
		/* any number above one gives the same bytes */
		archive_write_set_filter_option(a, "zstd", "threads", "2");
		ok = archive_write_open(a, p, NULL, on_write, NULL) == ARCHIVE_OK;
	}
	ok = ok && write_header(a, BUNDLE_MANIFEST, len, 0600, when_s) &&
	     archive_write_data(a, text, len) == (la_ssize_t)len;
	for (size_t i = 0; ok && i < p->manifest.count; i++) {
		const struct member *m = &p->manifest.member[i];

		ok = write_header(a, m->name, m->size, m->mode, when_s) &&
		     (m->text ? archive_write_data(a, m->text, m->size) == (la_ssize_t)m->size
			      : write_file(p, a, m, buf));
	}
	ok = ok && archive_write_close(a) == ARCHIVE_OK;
	if (!ok && a && archive_error_string(a))
		cmd_error("packing: %s", archive_error_string(a));
	if (a)
		archive_write_free(a);
	free(text);
	free(buf);
	return ok;
}

int bundle_pack(const char *recording, const char *out, const char *note, uint64_t part_len)
{
	struct packing p = {.dir = recording};
	uint8_t hash[BUNDLE_HASH_LEN];
	char text[2 * BUNDLE_HASH_LEN + 1], size[32];
	int status = CMD_FAILED;
	unsigned count = 0;
	deja_recording *rec = cmd_open(recording, &status);
	int64_t when_s;

	if (!rec)
		return status;
	when_s = deja_header(rec)->start_realtime_ns / 1000000000;
	if (!deja_header(rec)->complete)
		cmd_error("%s: the recording is incomplete (%s): packed as it is", recording,
			  deja_header(rec)->cause);
	status = CMD_FAILED;
	sha256_init(&p.sha);
	if (add_members(&p, rec, note) && hash_all(&p) &&
	    (p.out = parts_create(out, part_len)) && write_all(&p, when_s)) {
		progress_end();
		if (parts_commit(p.out, &count))
			status = 0;
	}
	progress_end();
	parts_close(p.out);
	manifest_free(&p.manifest);
	deja_close(rec);
	if (status)
		return status;
	sha256_digest(&p.sha, sizeof(hash), hash);
	printf("%s%s  %s", out, part_len ? ".001" : "",
	       cmd_size_text(p.written, size, sizeof(size)));
	if (part_len)
		printf(" in %u parts", count);
	printf("  sha256:%s\n", hash_text(hash, text));
	return fflush(stdout) ? CMD_FAILED : 0;
}
