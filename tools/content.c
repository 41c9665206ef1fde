/*
 * A file's content, copied and hashed (content.h). Called by store.c; blocking I/O.
 */
#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "content.h"

/* The size of a file with holes that can be asked for, else 0. */
static off_t sparse_size(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_blocks >= st.st_size / 512)
		return 0;
	return lseek(fd, 0, SEEK_HOLE) < 0 ? 0 : st.st_size;
}

/* From `at` to `end`, or to the file's end, whichever is first. */
static int copy_plain(uint8_t *buf, int from, int to, off_t at, off_t end)
{
	while (at < end) {
		size_t len = end - at < CONTENT_BUF_LEN ? (size_t)(end - at) : CONTENT_BUF_LEN;
		ssize_t n = pread(from, buf, len, at), done = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		while (done < n) {
			ssize_t w =
			    pwrite(to, buf + done, (size_t)(n - done), at + done);

			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)
				return -1;
			done += w;
		}
		at += n;
	}
	return 0;
}

/* Lets the kernel copy where it can, and copies by hand what is left. */
static int copy_part(uint8_t *buf, int from, int to, off_t at, off_t end)
{
	off_t in = at, out = at;

	while (in < end) {
		off_t left = end - in;
		ssize_t n = copy_file_range(from, &in, to, &out, left < 1 << 30 ? (size_t)left : 1 << 30, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* the end, or it cannot: some file systems say 0 for
				  that */
	}
	return copy_plain(buf, from, to, in, end);
}

/* The data between its holes alone: what maps much and uses little (a virtual machine's memory, a
 * database's map) may be larger than the disk. */
static int copy_sparse(uint8_t *buf, int from, int to, off_t size)
{
	int rc = ftruncate(to, size);
	off_t at = 0, data;

	while (rc == 0 && at < size) {
		data = lseek(from, at, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : -1; /* a hole to its end */
		at = lseek(from, data, SEEK_HOLE);
		rc = at < 0 ? -1 : copy_part(buf, from, to, data, at);
	}
	return rc;
}

int content_copy(uint8_t *buf, int from, int to)
{
	off_t was = lseek(from, 0, SEEK_CUR), size;
	int rc = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	size = sparse_size(from);
	if (size)
		rc = copy_sparse(buf, from, to, size);
	if (was >= 0)
		lseek(from, was, SEEK_SET);
	return rc < 0 ? rc : copy_part(buf, from, to, size, INT64_MAX);
}

/* What is read at `at`, of a sparse file of that size (else 0), whose next data is at *data or
 * before `at`. Holes are not read: that takes memory, and far longer. */
static ssize_t read_piece(int fd, uint8_t *buf, off_t at, off_t *data, off_t sparse)
{
	size_t len = CONTENT_BUF_LEN;

	if (at < sparse && at >= *data) {
		*data = lseek(fd, at, SEEK_DATA);
		if (*data < 0)
			*data = errno == ENXIO ? sparse : at;
	}
	if (at >= *data)
		return pread(fd, buf, len, at);
	if (*data - at < CONTENT_BUF_LEN)
		len = (size_t)(*data - at);
	memset(buf, 0, len);
	return (ssize_t)len;
}

int content_hash(uint8_t *buf, int fd, char hash[STORE_HASH_LEN + 1], uint64_t *size)
{
	XXH3_state_t *state = XXH3_createState();
	XXH128_canonical_t canonical;
	off_t at = 0, data = 0, sparse;
	size_t i;
	int rc = -1;

	if (!state) {
		errno = ENOMEM;
		return -1;
	}
	XXH3_128bits_reset(state);
	sparse = sparse_size(fd);
	for (;;) {
		ssize_t n = read_piece(fd, buf, at, &data, sparse);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto out;
		if (n == 0)
			break;
		XXH3_128bits_update(state, buf, (size_t)n);
		at += n;
	}
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
	for (i = 0; i < sizeof(canonical.digest); i++)
		snprintf(hash + 2 * i, 3, "%02x", canonical.digest[i]);
	*size = (uint64_t)at;
	rc = 0;
out:
	XXH3_freeState(state);
	return rc;
}
