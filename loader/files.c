/*
 * The files that the dynamic linker asks for: the recording's, by the names under which it
 * found them. Nothing of this machine's file system is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "loader/loader.h"

static char *put_path(char *path, const char *name)
{
	char *p = path + SESSION_DIR_LEN;

	dj_copy(path, ld.dir, SESSION_DIR_LEN);
	p = dj_put_text(p, path + SESSION_DIR_LEN + 24, name);
	*p = 0;
	return p;
}

static long open_read(const char *path)
{
	return dj_raw(SYS_open, path, O_RDONLY | O_CLOEXEC, 0);
}

int file_open(uint32_t id)
{
	char path[SESSION_DIR_LEN + 32], *p = put_path(path, "/f");
	long fd;

	*dj_put_dec(p, id) = 0;
	fd = open_read(path);
	if (fd < 0)
		loader_fail("a stored file cannot be opened: ", path + SESSION_DIR_LEN + 1,
			    dj_strlen(path + SESSION_DIR_LEN + 1));
	return (int)fd;
}

/* Names are equal, or their last parts are. */
static bool same_name(const char *a, size_t a_len, const char *b, size_t b_len, bool last)
{
	if (last) {
		for (size_t i = a_len; i-- > 0;)
			if (a[i] == '/') {
				a += i + 1, a_len -= i + 1;
				break;
			}
		for (size_t i = b_len; i-- > 0;)
			if (b[i] == '/') {
				b += i + 1, b_len -= i + 1;
				break;
			}
	}
	return a_len && a_len == b_len && !dj_compare(a, b, a_len);
}

/* The file that is mapped at an address. */
static uint32_t file_at(uint64_t addr)
{
	struct recorded_map m;
	uint32_t file = 0;

	EACH_RECORDED_MAP(m)
		if (addr >= m.from && addr < m.to && m.file)
			file = m.file;
	return file;
}

/* Objects as the dynamic linker named them: [name, address of the dynamic section]. */
static uint32_t find_object(const char *path, size_t len, bool last)
{
	struct tf_in in = ld.img.objects;
	uint32_t file = 0;

	for (uint32_t i = 0; i < ld.img.object_count && !file; i++) {
		uint32_t count = tf_get_array(&in), name_len;
		const uint8_t *name = tf_get_bytes(&in, &name_len);
		uint64_t at = (uint64_t)tf_get_int(&in);

		while (count-- > 2 && !in.bad)
			tf_skip(&in);
		if (in.bad)
			break;
		if (same_name((const char *)name, name_len, path, len, last))
			file = file_at(at);
	}
	return file;
}

/* Files that it has only read: [name, stored file]. */
static uint32_t find_read(const char *path, size_t len)
{
	struct tf_in in = ld.img.reads;
	uint32_t file = 0;

	for (uint32_t i = 0; i < ld.img.read_count && !file; i++) {
		uint32_t count = tf_get_array(&in), name_len;
		const uint8_t *name = tf_get_bytes(&in, &name_len);
		uint32_t id = (uint32_t)tf_get_int(&in);

		while (count-- > 2 && !in.bad)
			tf_skip(&in);
		if (!in.bad && same_name((const char *)name, name_len, path, len, false))
			file = id;
	}
	return file;
}

/* An object under another of its names: a link to it that was followed. */
static uint32_t find_mapped(const char *path, size_t len)
{
	struct recorded_map m;
	uint32_t file = 0;

	EACH_RECORDED_MAP(m)
		if (!file && m.file && same_name(m.path, m.path_len, path, len, true))
			file = m.file;
	return file;
}

long file_find(const char *path, uint32_t *id)
{
	size_t len = dj_strlen(path);

	*id = 0;
	if (!dj_compare(path, ld.dir, SESSION_DIR_LEN) && len > SESSION_DIR_LEN) {
		char own[SESSION_DIR_LEN + 32];

		put_path(own, SESSION_SO_NAME);
		return dj_compare(path, own, len + 1) ? -ENOENT : open_read(own);
	}
	*id = find_read(path, len);
	if (!*id)
		*id = find_object(path, len, false);
	if (!*id && path[0] == '/' && !dj_starts(path, "/etc/"))
		*id = find_object(path, len, true);
	if (!*id && path[0] == '/' && !dj_starts(path, "/etc/"))
		*id = find_mapped(path, len);
	return *id ? file_open(*id) : -ENOENT;
}

bool file_is_directory(const char *path)
{
	struct tf_in in = ld.img.objects;
	size_t len = dj_strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (uint32_t i = 0; i < ld.img.object_count; i++) {
		uint32_t count = tf_get_array(&in), name_len;
		const uint8_t *name = tf_get_bytes(&in, &name_len);

		while (count-- > 1 && !in.bad)
			tf_skip(&in);
		if (in.bad)
			break;
		if (name_len > len && name[len] == '/' && !dj_compare(name, path, len))
			return true;
	}
	return false;
}

bool file_status(uint32_t id, struct stat *st)
{
	char path[SESSION_DIR_LEN + 32];
	struct file_identity was;
	long fd, n;

	if (!id)
		return true;
	put_path(path, SESSION_INDEX_NAME);
	fd = open_read(path);
	n = dj_raw(SYS_pread64, fd, &was, sizeof(was), id * sizeof(was));
	dj_raw(SYS_close, fd);
	if (n != sizeof(was))
		return false;
	st->st_dev = was.dev;
	st->st_ino = was.ino;
	st->st_size = (long)was.size;
	st->st_mtim.tv_sec = (long)(was.mtime_ns / 1000000000);
	st->st_mtim.tv_nsec = (long)(was.mtime_ns % 1000000000);
	return true;
}

long file_map(uint64_t at, uint64_t len, int prot, int flags, int fd, uint64_t offset)
{
	long r = dj_raw(SYS_mmap, at, len, prot, flags, fd, offset);

	if ((r != -EPERM && r != -EACCES) || !(flags & MAP_FIXED))
		return r;
	/* mounted noexec */
	r = dj_raw(SYS_mmap, at, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (r != (long)at)
		return r;
	for (uint64_t done = 0; done < len;) {
		long n = dj_raw(SYS_pread64, fd, at + done, len - done, offset + done);

		if (n <= 0)
			break;
		done += (uint64_t)n;
	}
	dj_raw(SYS_mprotect, at, len, prot);
	return r;
}
