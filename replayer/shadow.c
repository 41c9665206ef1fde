/*
 * Shadows: copies of files that the program maps and changes, in the session's directory,
 * one for all mappings of all processes of the tree. What is written to the file is written
 * here. System V segments are shadows that begin empty.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <fcntl.h>
#include <errno.h>
#include "replay.h"

enum { COPY_LEN = 1 << 20, MOVE_LEN = 4096 };
#ifndef FALLOC_FL_WRITE_ZEROES
#define FALLOC_FL_WRITE_ZEROES 0x80
#endif

static char *put_path(char *path, char kind, uint32_t id)
{
	char *p = path + SESSION_DIR_LEN;

	dj_copy(path, RT->dir, SESSION_DIR_LEN);
	*p++ = '/';
	*p++ = kind;
	p = dj_put_dec(p, id);
	*p = 0;
	return p;
}

/* Holes stay holes: the copy is memory. */
static void copy(long from, long to)
{
	long size = dj_raw(SYS_lseek, from, 0, SEEK_END), at = 0, end, n;

	dj_raw(SYS_ftruncate, to, size);
	for (; at < size; at = end) {
		long data = dj_raw(SYS_lseek, from, at, SEEK_DATA);

		if (data == -ENXIO)
			return;
		at = data < 0 ? at : data;
		end = dj_raw(SYS_lseek, from, at, SEEK_HOLE);
		end = end <= at ? size : end;
		dj_raw(SYS_lseek, from, at, SEEK_SET);
		dj_raw(SYS_lseek, to, at, SEEK_SET);
		do
			n = dj_raw(SYS_sendfile, to, from, 0, end - at < COPY_LEN ? end - at : COPY_LEN);
		while (n > 0 && (at += n) < end);
	}
}

uint32_t shadow_of_file(uint32_t file)
{
	uint32_t n = *session_shadow_bucket(RT->session, 0, file);

	while (n && session_shadow(RT->session, n - 1)->file != file)
		n = session_shadow(RT->session, n - 1)->next;
	return n;
}

/* The stored file that it began as; 0: none, or not known. */
static uint32_t file_of(uint32_t shadow)
{
	return shadow && shadow <= RT->session->shadow_count ? session_shadow(RT->session, shadow - 1)->file : 0;
}

long shadow_open(uint32_t shadow, uint32_t file)
{
	char path[SESSION_DIR_LEN + 32], own[SESSION_DIR_LEN + 32], *p;
	long fd, from;

	if (!file)
		file = file_of(shadow);
	put_path(path, 'm', shadow);
	fd = dj_raw(SYS_open, path, O_RDWR | O_CLOEXEC, 0);
	if (fd != -ENOENT)
		return fd;
	/* made aside, then given its name, unless another process was faster */
	p = put_path(own, 'm', shadow);
	*p++ = '.';
	*dj_put_dec(p, RT->live_pid) = 0;
	fd = dj_raw(SYS_open, own, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (fd < 0)
		return fd;
	if (file) {
		put_path(path, 'f', file);
		from = dj_raw(SYS_open, path, O_RDONLY | O_CLOEXEC, 0);
		if (from < 0) {
			dj_raw(SYS_unlink, own);
			dj_raw(SYS_close, fd);
			return from;
		}
		copy(from, fd);
		dj_raw(SYS_close, from);
		put_path(path, 'm', shadow);
	}
	dj_raw(SYS_renameat2, AT_FDCWD, own, AT_FDCWD, path, RENAME_NOREPLACE);
	dj_raw(SYS_unlink, own);
	dj_raw(SYS_close, fd);
	return dj_raw(SYS_open, path, O_RDWR | O_CLOEXEC, 0);
}

static void write_iovec(long fd, const struct k_iovec *iov, size_t count, int64_t at,
			size_t len)
{
	for (size_t i = 0; i < count && len; i++) {
		size_t n = iov[i].len < len ? iov[i].len : len;

		dj_raw(SYS_pwrite64, fd, iov[i].base, n, at);
		at += (int64_t)n;
		len -= n;
	}
}

/* From `from` to `to` in the file; the ranges may overlap. */
static void move(long fd, uint64_t from, uint64_t to, uint64_t len)
{
	uint8_t piece[MOVE_LEN];
	bool up = to > from;

	while (len) {
		uint64_t n = len < sizeof(piece) ? len : sizeof(piece), at = up ? len - n : 0;

		if (dj_raw(SYS_pread64, fd, piece, n, from + at) != (long)n ||
		    dj_raw(SYS_pwrite64, fd, piece, n, to + at) != (long)n)
			return;
		len -= n;
		if (!up)
			from += n, to += n;
	}
}

static void punch(long fd, uint64_t at, uint64_t len)
{
	dj_raw(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len);
}

/* A shadow is on a tmpfs, which has not all of fallocate's modes. What else they do to a file than to its
 * contents is of no concern, and its size comes after. */
static void allocate(long fd, unsigned mode, uint64_t at, uint64_t len)
{
	struct stat st;
	uint64_t size;

	if (dj_raw(SYS_fstat, fd, &st) < 0)
		return;
	size = (uint64_t)st.st_size;
	if (mode & FALLOC_FL_COLLAPSE_RANGE) {
		if (at + len < size)
			move(fd, at + len, at, size - at - len);
	} else if (mode & FALLOC_FL_INSERT_RANGE) {
		dj_raw(SYS_ftruncate, fd, size + len);
		move(fd, at, at + len, size - at);
		punch(fd, at, len);
	} else if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_WRITE_ZEROES)) {
		punch(fd, at, len);
	}
}

void shadow_change(long nr, const unsigned long a[6], long result)
{
	uint32_t shadow = RT->pending_shadow;
	int64_t offset = RT->pending_offset;
	struct stat st;
	long fd;

	RT->pending_shadow = 0;
	fd = shadow_open(shadow, 0);
	if (fd < 0)
		return;
	switch (nr) {
	case SYS_write:
	case SYS_pwrite64:
		if (offset >= 0)
			dj_raw(SYS_pwrite64, fd, a[1], (size_t)result < a[2] ? (size_t)result : a[2],
			       offset);
		break;
	case SYS_writev:
	case SYS_pwritev:
	case SYS_pwritev2:
		if (offset >= 0)
			write_iovec(fd, (const void *)a[1], a[2], offset, (size_t)result);
		break;
	case SYS_fallocate:
		allocate(fd, (unsigned)a[1], a[2], a[3]);
		break;
	}
	if (!dj_raw(SYS_fstat, fd, &st) && (uint64_t)st.st_size != RT->pending_size)
		dj_raw(SYS_ftruncate, fd, RT->pending_size);
	dj_raw(SYS_close, fd);
}

long shadow_attach(struct thread *t, const unsigned long a[6], long result)
{
	size_t len = (RT->pending_size + 4095) & ~4095ul;
	uint32_t shadow = RT->pending_shadow;
	struct stat st;
	long fd, r;
	int prot = PROT_READ | (a[2] & 010000 /* SHM_RDONLY */ ? 0 : PROT_WRITE) |
		   (a[2] & 0100000 /* SHM_EXEC */ ? PROT_EXEC : 0);

	RT->pending_shadow = 0;
	fd = shadow ? shadow_open(shadow, 0) : -1;
	if (fd >= 0 && !dj_raw(SYS_fstat, fd, &st) && (uint64_t)st.st_size < len)
		dj_raw(SYS_ftruncate, fd, len);
	r = dj_raw(SYS_mmap, result, len, prot,
		   MAP_SHARED | (a[2] & 040000 /* SHM_REMAP */ ? MAP_FIXED : MAP_FIXED_NOREPLACE) |
			   (fd < 0 ? MAP_ANONYMOUS : 0),
		   fd, 0);
	if (fd >= 0)
		dj_raw(SYS_close, fd);
	if (r != result)
		diverge_result(t, SYS_shmat, a, (uint64_t)result, (uint64_t)r);
	for (unsigned i = 0; i < SEGMENT_MAX; i++)
		if (!RT->segments[i].len) {
			RT->segments[i].addr = (uint64_t)result;
			RT->segments[i].len = len;
			break;
		}
	return result;
}

void shadow_detach(uint64_t addr)
{
	for (unsigned i = 0; i < SEGMENT_MAX; i++)
		if (RT->segments[i].len && RT->segments[i].addr == addr) {
			dj_raw(SYS_munmap, addr, RT->segments[i].len);
			RT->segments[i].len = 0;
			return;
		}
}
