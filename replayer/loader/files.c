/*
 * The files that the dynamic linker asks for: the recording's, by the names under which it
 * found them. Nothing of this machine's file system is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "replayer/loader/loader.h"

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

static const char *last_part(const char *path)
{
	const char *last = path;

	for (; *path; path++)
		if (*path == '/')
			last = path + 1;
	return last;
}

static bool same(const uint8_t *name, uint32_t name_len, const char *text)
{
	return name_len && name_len == dj_strlen(text) && !dj_compare(name, text, name_len);
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

/* Objects as the dynamic linker named them: [name, address of the dynamic section, alias...].
 * An alias is a link that was followed, in whatever directory it lay. */
static uint32_t find_object(const char *path)
{
	struct tf_in in = ld.img.objects;

	for (uint32_t i = 0; i < ld.img.object_count; i++) {
		uint32_t count = tf_get_array(&in), len;
		const uint8_t *name = tf_get_bytes(&in, &len);
		uint64_t at = (uint64_t)tf_get_int(&in);
		bool found = !in.bad && same(name, len, path);

		for (; count > 2 && !in.bad; count--) {
			name = tf_get_bytes(&in, &len);
			found |= !in.bad && same(name, len, last_part(path));
		}
		if (in.bad)
			break;
		if (found)
			return file_at(at);
	}
	return 0;
}

/* Files that it has only read: [name, stored file]. */
static uint32_t find_read(const char *path)
{
	struct tf_in in = ld.img.reads;

	for (uint32_t i = 0; i < ld.img.read_count; i++) {
		uint32_t count = tf_get_array(&in), len;
		const uint8_t *name = tf_get_bytes(&in, &len);
		uint32_t file = (uint32_t)tf_get_int(&in);

		while (count-- > 2 && !in.bad)
			tf_skip(&in);
		if (in.bad)
			break;
		if (same(name, len, path))
			return file;
	}
	return 0;
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
	*id = find_read(path);
	if (!*id)
		*id = find_object(path);
	return *id ? file_open(*id) : -ENOENT;
}

bool file_is_directory(const char *path)
{
	struct tf_in in = ld.img.directories;
	size_t len = dj_strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (uint32_t i = 0; i < ld.img.directory_count; i++) {
		uint32_t name_len;
		const uint8_t *name = tf_get_bytes(&in, &name_len);

		if (in.bad)
			break;
		if (name_len == len && !dj_compare(name, path, len))
			return true;
	}
	in = ld.img.objects;
	for (uint32_t i = 0; i < ld.img.object_count; i++) {
		uint32_t count = tf_get_array(&in), name_len;
		const uint8_t *name = tf_get_bytes(&in, &name_len);

		for (; count > 1 && !in.bad; count--)
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
