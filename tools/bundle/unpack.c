/*
 * Unpacking: nothing of a bundle is believed before it has been checked. Members are those of
 * the manifest, regular files, each once, with its size and hash; all of them go into a directory
 * that gets its name at the end, or is removed. The manifest comes first, as packing writes it; in
 * a tar that somebody made by hand it is looked for, in a first reading.
 */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "tools/bundle/unpack.h"
#include "tools/cmd.h"

/* What may become of a bundle without being asked: up to 1 GiB always, more when it is
 * no more than this many times its size, as programs and their data are. */
#define FREE_TOTAL  (1ull << 30)
#define RATIO_MAX   400

bool unpack_refuse(struct unpacking *u, const char *what)
{
	if (!u->said)
		cmd_error("%s: %s", u->path, what);
	u->said = true;
	return false;
}

static bool refuse_member(struct unpacking *u, const char *name, const char *what)
{
	char text[BUNDLE_NAME_MAX_LEN + 256];

	snprintf(text, sizeof(text), "refused: its member '%.*s' %s", BUNDLE_NAME_MAX_LEN, name,
		 what);
	return unpack_refuse(u, text);
}

/* --- reading --- */

static const char *what_it_is(const uint8_t *p, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *name;
	} known[] = {
	    {"PK", 2, "a zip archive"},	       {"\x1f\x8b", 2, "gzip data"},
	    {"\xfd""7zXZ", 5, "xz data"},      {"BZh", 3, "bzip2 data"},
	    {"\177ELF", 4, "a program"},       {"7z\xbc\xaf", 4, "a 7z archive"},
	    {"Rar!", 4, "a rar archive"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (len >= known[i].len && !memcmp(p, known[i].magic, known[i].len))
			return known[i].name;
	return "something else";
}

static la_ssize_t on_read(struct archive *a, void *arg, const void **bytes)
{
	struct unpacking *u = arg;
	long n = parts_read(u->in, u->in_buf, BUNDLE_BUFFER_LEN);

	*bytes = u->in_buf;
	if (n < 0) {
		archive_set_error(a, errno, "%s", strerror(errno));
		return -1;
	}
	if (u->first) {
		u->first = false;
		if (n < 4 || memcmp(u->in_buf, "\x28\xb5\x2f\xfd", 4)) {
			char text[128];

			snprintf(text, sizeof(text),
				 "not a bundle of deja: it is %s, a bundle is a tar in zstd",
				 n ? what_it_is(u->in_buf, (size_t)n) : "empty");
			unpack_refuse(u, text);
			archive_set_error(a, EINVAL, "not zstd");
			return -1;
		}
	}
	return n;
}

/* What libarchive says, in words that help. */
static bool refuse_archive(struct unpacking *u)
{
	const char *text = archive_error_string(u->archive);
	char line[512];

	if (parts_done(u->in) == parts_len(u->in) && text && strcasestr(text, "truncated"))
		snprintf(line, sizeof(line), "truncated: it ends in the middle%s",
			 parts_count(u->in) > 1 ? "; is a later part missing?" : "");
	else
		snprintf(line, sizeof(line), "damaged: %s", text ? text : "it cannot be read");
	return unpack_refuse(u, line);
}

bool unpack_begin(struct unpacking *u)
{
	u->in = parts_open(u->path);
	if (!u->in) {
		u->said = true;
		return false;
	}
	u->first = true;
	u->in_buf = malloc(BUNDLE_BUFFER_LEN);
	u->archive = archive_read_new();
	if (!u->in_buf || !u->archive)
		return unpack_refuse(u, "out of memory");
	archive_read_support_filter_zstd(u->archive);
	archive_read_support_format_tar(u->archive);
	if (archive_read_open(u->archive, u, NULL, on_read, NULL) != ARCHIVE_OK)
		return unpack_refuse(u, "not a bundle of deja: there is no tar in it");
	return true;
}

static void end_reading(struct unpacking *u)
{
	if (u->archive)
		archive_read_free(u->archive);
	parts_reader_close(u->in);
	free(u->in_buf);
	u->archive = NULL;
	u->in = NULL;
	u->in_buf = NULL;
}

void unpack_end(struct unpacking *u)
{
	end_reading(u);
	manifest_free(&u->manifest);
}

/* A directory's own entry: only an order to make what is made anyway. */
static bool is_plain_directory(struct archive_entry *entry, char *name)
{
	size_t len = strlen(name);

	if (archive_entry_filetype(entry) != AE_IFDIR || archive_entry_size(entry) > 0)
		return false;
	while (len && name[len - 1] == '/')
		name[--len] = 0;
	return !len || !strcmp(name, ".") || manifest_name_ok(name);
}

/* The next member, a plain regular file and nothing more, and its name in the recording: without
 * the "./" that tar writes, valid until the next one. NULL at the end, or after refusing. */
static struct archive_entry *next_entry(struct unpacking *u, const char **name_out)
{
	struct archive_entry *entry;
	const char *name;
	int r;

	do {
		r = archive_read_next_header(u->archive, &entry);
		if (r == ARCHIVE_EOF)
			return NULL;
		if (r != ARCHIVE_OK) {
			refuse_archive(u);
			return NULL;
		}
		name = archive_entry_pathname(entry);
		if (!name || strlen(name) >= sizeof(u->name)) {
			unpack_refuse(u, "refused: a member has no name, or a longer one than any recording has");
			return NULL;
		}
		strcpy(u->name, !strncmp(name, "./", 2) ? name + 2 : name);
		name = u->name;
		if (++u->entry_count > 2 * BUNDLE_MEMBER_MAX) {
			unpack_refuse(u, "refused: it holds more members than any recording has");
			return NULL;
		}
	} while (is_plain_directory(entry, u->name));
	*name_out = name;
	if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
	    archive_entry_filetype(entry) == AE_IFLNK)
		refuse_member(u, name, "is a link");
	else if (archive_entry_filetype(entry) != AE_IFREG)
		refuse_member(u, name, "is no regular file");
	else if (name[0] == '/')
		refuse_member(u, name, "has an absolute path");
	else if (!manifest_name_ok(name))
		refuse_member(u, name, "has a name that leads elsewhere");
	else if (archive_entry_sparse_count(entry) > 0)
		refuse_member(u, name, "is sparse");
	else
		return entry;
	return NULL;
}

static uint64_t free_limit(const struct unpacking *u)
{
	uint64_t len = parts_len(u->in);

	if (u->total_max)
		return u->total_max;
	return len > UINT64_MAX / RATIO_MAX ? UINT64_MAX
	       : len * RATIO_MAX > FREE_TOTAL ? len * RATIO_MAX
					      : FREE_TOTAL;
}

/* The entry that is the manifest: the first, or one behind others (*behind), as far as what is
 * before it is no more than a bundle may become. */
static struct archive_entry *find_manifest(struct unpacking *u, bool *behind)
{
	struct archive_entry *entry;
	uint64_t passed = 0;
	const char *name;

	for (*behind = false; (entry = next_entry(u, &name)); *behind = true) {
		int64_t size = archive_entry_size(entry);

		if (!strcmp(name, BUNDLE_MANIFEST))
			return entry;
		passed += size > 0 ? (uint64_t)size : 0;
		if (size < 0 || passed > free_limit(u)) {
			unpack_refuse(u, "refused: too much comes before its MANIFEST");
			return NULL;
		}
	}
	if (!u->said)
		unpack_refuse(u, *behind ? "not a bundle of deja: there is no MANIFEST in it"
				  : "not a bundle of deja: it is empty");
	return NULL;
}

bool unpack_manifest(struct unpacking *u)
{
	struct archive_entry *entry;
	char why[128], *text;
	struct sha256_ctx sha;
	bool ok, behind;
	int64_t size;

	entry = find_manifest(u, &behind);
	if (!entry)
		return false;
	size = archive_entry_size(entry);
	if (size <= 0 || size > BUNDLE_MANIFEST_MAX_LEN)
		return unpack_refuse(u, "damaged: the size of its manifest is impossible");
	text = malloc((size_t)size);
	if (!text)
		return unpack_refuse(u, "out of memory");
	if (archive_read_data(u->archive, text, (size_t)size) != size) {
		free(text);
		return refuse_archive(u);
	}
	sha256_init(&sha);
	sha256_update(&sha, (size_t)size, (const uint8_t *)text);
	sha256_digest(&sha, sizeof(u->manifest_hash), u->manifest_hash);
	ok = manifest_parse(&u->manifest, text, (size_t)size, why, sizeof(why));
	free(text);
	if (!ok) {
		char line[256];

		snprintf(line, sizeof(line), "refused: its manifest: %s", why);
		return unpack_refuse(u, line);
	}
	if (!manifest_find(&u->manifest, "header"))
		return unpack_refuse(u, "not a bundle of deja: there is no recording in it");
	if (!behind)
		return true;
	end_reading(u);
	u->entry_count = 0;
	return unpack_begin(u);
}

/* Bombs, and disks that are too small, before anything is written. */
static bool sizes_fit(struct unpacking *u, const char *dir)
{
	uint64_t total = u->manifest.total, len = parts_len(u->in), limit = free_limit(u);
	char a[32], b[32], line[256];
	struct statvfs fs;

	if (total > limit) {
		snprintf(line, sizeof(line),
			 "refused: %s would become %s; `deja unpack --limit %lluM` allows it",
			 cmd_size_text(len, a, sizeof(a)), cmd_size_text(total, b, sizeof(b)),
			 (unsigned long long)(total >> 20) + 1);
		return unpack_refuse(u, line);
	}
	if (!statvfs(dir, &fs) && total > (uint64_t)fs.f_bavail * fs.f_frsize) {
		snprintf(line, sizeof(line), "it needs %s in %s, where %s are free",
			 cmd_size_text(total, a, sizeof(a)), dir,
			 cmd_size_text((uint64_t)fs.f_bavail * fs.f_frsize, b, sizeof(b)));
		return unpack_refuse(u, line);
	}
	return true;
}

/* --- writing --- */

/* Makes the directories of `name` below dirfd. */
static void make_parents(int dirfd, const char *name)
{
	char path[BUNDLE_NAME_MAX_LEN + 1];

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(path, sizeof(path), "%.*s", (int)(slash - name), name);
		mkdirat(dirfd, path, 0700);
	}
}

static bool take_member(struct unpacking *u, int dirfd, struct archive_entry *entry,
			const char *name)
{
	struct member *m = manifest_find(&u->manifest, name);
	uint8_t hash[BUNDLE_HASH_LEN];
	uint64_t len = 0;
	la_ssize_t n;
	int fd, error;

	if (!m)
		return refuse_member(u, name, "is not in its manifest");
	if (m->taken)
		return refuse_member(u, name, "comes twice");
	m->taken = true;
	if ((uint64_t)archive_entry_size(entry) != m->size)
		return refuse_member(u, name, "has another size than the manifest says");
	make_parents(dirfd, name);
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse_member(u, name, strerror(errno));
	sink_begin(u->sink, fd);
	for (;;) {
		uint8_t *buf = sink_buffer(u->sink);

		n = archive_read_data(u->archive, buf, BUNDLE_BUFFER_LEN);
		if (n <= 0 || (len += (uint64_t)n) > m->size)
			break;
		sink_put(u->sink, (size_t)n);
		u->done += (uint64_t)n;
		if (!u->quiet)
			progress("unpacking", u->done, u->manifest.total);
	}
	error = sink_end(u->sink, hash);
	fchmod(fd, m->mode & 0700 & ~(mode_t)(strncmp(name, "f/", 2) ? 0 : 0200));
	close(fd);
	if (error)
		return refuse_member(u, name, strerror(error));
	if (n < 0)
		return refuse_archive(u);
	if (len != m->size)
		return refuse_member(u, name, "has another size than the manifest says");
	if (memcmp(hash, m->hash, sizeof(hash)))
		return refuse_member(u, name, "does not match its SHA-256: it was altered or damaged");
	return true;
}

/* All members, in whatever order. */
static bool take_members(struct unpacking *u, int dirfd)
{
	struct archive_entry *entry;
	unsigned manifests = u->archive && archive_file_count(u->archive) > 0;
	const char *name;
	bool ok = true;

	while (ok && (entry = next_entry(u, &name))) {
		if (!strcmp(name, BUNDLE_MANIFEST))
			ok = !manifests++ || refuse_member(u, name, "comes twice");
		else
			ok = take_member(u, dirfd, entry, name);
	}
	for (size_t i = 0; ok && !u->said && i < u->manifest.count; i++)
		if (!u->manifest.member[i].taken)
			ok = refuse_member(u, u->manifest.member[i].name, "is missing");
	return ok && !u->said;
}

void unpack_remove_tree(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(fd, e->d_name, 0) < 0 && (errno == EISDIR || errno == EPERM))
			unpack_remove_tree(fd, e->d_name);
	}
	if (d)
		closedir(d);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* All members into the new directory `out`, which gets its name at the end. */
bool unpack_all(struct unpacking *u, const char *out)
{
	char *dir = NULL;
	bool ok;
	int fd;

	if (asprintf(&dir, "%s.XXXXXX", out) < 0 || !mkdtemp(dir)) {
		char line[PATH_MAX + 128];

		snprintf(line, sizeof(line), "%s: %s", out, strerror(errno));
		free(dir);
		return unpack_refuse(u, line);
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && sizes_fit(u, dir);
	if (ok && !(u->sink = sink_open()))
		ok = unpack_refuse(u, "out of memory");
	ok = ok && take_members(u, fd);
	sink_close(u->sink);
	u->sink = NULL;
	progress_end();
	if (ok && rename(dir, out) < 0) { /* an empty directory gives way */
		char line[PATH_MAX + 128];

		snprintf(line, sizeof(line), "%s: %s", out,
			 errno == ENOTEMPTY || errno == EEXIST ? "exists already and is not empty"
							       : strerror(errno));
		ok = unpack_refuse(u, line);
	}
	if (fd >= 0)
		close(fd);
	if (!ok)
		unpack_remove_tree(AT_FDCWD, dir);
	free(dir);
	return ok;
}

int bundle_unpack(const char *path, const char *out, bool quiet, uint64_t total_max)
{
	struct unpacking u = {.path = path, .quiet = quiet, .total_max = total_max};
	struct stat st;
	bool ok;

	if (lstat(out, &st) == 0 && !S_ISDIR(st.st_mode)) {
		cmd_error("%s: exists already", out);
		return CMD_FAILED;
	}
	ok = unpack_begin(&u) && unpack_manifest(&u) && unpack_all(&u, out);
	progress_end();
	unpack_end(&u);
	return ok ? 0 : CMD_UNREADABLE;
}
