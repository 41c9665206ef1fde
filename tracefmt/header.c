/*
 * The header and the file index of a recording: which fields they have, and their files on disk.
 * Called by the supervisor (write) and by libdeja (read). malloc, blocking I/O.
 */
#include <errno.h>
#include <fcntl.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "fields.h"
#include "header.h"

/* Rows of a table: S is the struct that it describes (#define S deja_header). */
#define F(type, key, member)                                                           \
	{                                                                              \
		key, type, offsetof(struct S, member), 0, NULL                         \
	}
#define F2(type, key, member, aux)                                                     \
	{                                                                              \
		key, type, offsetof(struct S, member), offsetof(struct S, aux), NULL   \
	}
#define F3(key, member, aux, sub)                                                      \
	{                                                                              \
		key, MAPS, offsetof(struct S, member), offsetof(struct S, aux), &sub   \
	}
#define SHAPE(fields)                                                                  \
	{                                                                              \
		fields, sizeof(fields) / sizeof((fields)[0]), sizeof(struct S)         \
	}

#define S deja_process
static const struct tf_field process_fields[] = {
    F(U32, "stream", stream),
    F(I32, "pid", pid),
    F(I32, "ppid", ppid),
    F(U32, "parent", parent),
    F(I64, "start_ns", start_ns),
    F(I64, "end_ns", end_ns),
    F(U64, "events", event_count),
    F(U64, "bytes", byte_len),
    F2(STATUS, "status", status, status_known),
    F(BOOL, "complete", complete),
    F2(BINS, "argv", argv, argc),
    F2(TEXTS, "notes", notes, note_count),
};
static const struct tf_shape process_shape = SHAPE(process_fields);
#undef S
#define S deja_external
static const struct tf_field external_fields[] = {
    F(I32, "pid", pid),
    F(BIN, "path", path),
    F(TEXT, "reason", reason),
};
static const struct tf_shape external_shape = SHAPE(external_fields);
#undef S
#define S deja_header
static const struct tf_field header_fields[] = {
    F(U32, "format", format),
    F(TEXT, "id", id),
    F(TEXT, "deja", version),
    F2(BINS, "argv", argv, argc),
    F(BIN, "exe", exe),
    F(BIN, "cwd", cwd),
    F(TEXT, "host", host),
    F(TEXT, "kernel", kernel),
    F(TEXT, "machine", machine),
    F(TEXT, "cpu", cpu),
    F(TEXT, "cpu_features", cpu_features),
    F(I64, "start_ns", start_realtime_ns),
    F(I64, "duration_ns", duration_ns),
    F(I64, "waited_ns", waited_ns),
    F(U32, "page_size", page_size),
    F2(LIMITS, "limits", limits, limit_count),
    F(TEXT, "outbound", outbound),
    F(TEXT, "doors", doors),
    F(TEXT, "stacks", stacks),
    F(BOOL, "complete", complete),
    F(TEXT, "cause", cause),
    F(TEXT, "partial", partial),
    F2(STATUS, "status", status, status_known),
    F(U64, "events", event_count),
    F(U64, "bytes", byte_len),
    F3("processes", processes, process_count, process_shape),
    F3("externals", externals, external_count, external_shape),
    F2(TEXTS, "warnings", warnings, warning_count),
};
static const struct tf_shape header_shape = SHAPE(header_fields);
#undef S
#define S deja_file
static const struct tf_field file_fields[] = {
    F(U32, "id", id),	  F(BIN, "path", path),		F(TEXT, "hash", hash),
    F(U64, "size", size), F(U32, "mode", mode),		F(U64, "dev", dev),
    F(U64, "ino", ino),	  F(I64, "mtime_ns", mtime_ns), F(BOOL, "exact", exact),
    F(U32, "shadow", shadow),
};
static const struct tf_shape file_shape = SHAPE(file_fields);
#undef S

/* msgpack's write callback keeps no account of a failed malloc behind it; ours does. */
struct out {
	msgpack_sbuffer buf;
	bool no_memory;
};

static int out_write(void *data, const char *bytes, size_t len)
{
	struct out *out = data;

	if (msgpack_sbuffer_write(&out->buf, bytes, len) < 0)
		out->no_memory = true;
	return out->no_memory ? -1 : 0;
}

static int write_fully(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A rename lasts only when the directory has been synced too. */
static void sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

static int replace_file(const char *dir, const char *name, const struct out *out,
			struct deja_error *err)
{
	char *path = NULL, *room = NULL, *temp = NULL;
	int fd = -1, rc = -1;

	if (out->no_memory || asprintf(&path, "%s/%s", dir, name) < 0 ||
	    asprintf(&room, "%s/" TF_ROOM_FMT, dir, name) < 0 ||
	    asprintf(&temp, "%s/.%s.XXXXXX", dir, name) < 0) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		goto out;
	}
	fd = open(room, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		free(temp);
		temp = strdup(room);
	} else {
		fd = mkostemp(temp, O_CLOEXEC); /* mode 0600 */
	}
	if (fd < 0 || !temp) {
		tf_fail_errno(err, "cannot create %s", temp ? temp : path);
		goto out;
	}
	/* shortened afterwards: room that was given back could be taken by somebody else */
	if (write_fully(fd, out->buf.data, out->buf.size) < 0 ||
	    ftruncate(fd, (off_t)out->buf.size) < 0 || fsync(fd) < 0 || rename(temp, path) < 0) {
		tf_fail_errno(err, "cannot write %s", path);
		unlink(temp);
		goto out;
	}
	sync_dir(dir);
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	free(temp);
	free(room);
	free(path);
	return rc;
}

int tf_header_write(const char *dir, const struct deja_header *h,
		    struct deja_error *err)
{
	struct deja_header filled = *h;
	struct out out = {.no_memory = false};
	msgpack_packer pk;
	int rc;

	if (!filled.format)
		filled.format = TF_FORMAT;
	if (!filled.page_size)
		filled.page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	msgpack_sbuffer_init(&out.buf);
	msgpack_packer_init(&pk, &out, out_write);
	tf_map_pack(&pk, &header_shape, &filled);
	rc = replace_file(dir, "header", &out, err);
	msgpack_sbuffer_destroy(&out.buf);
	return rc;
}

int tf_files_write(const char *dir, const struct deja_file *files, size_t count,
		   struct deja_error *err)
{
	struct out out = {.no_memory = false};
	msgpack_packer pk;
	size_t i;
	int rc;

	msgpack_sbuffer_init(&out.buf);
	msgpack_packer_init(&pk, &out, out_write);
	msgpack_pack_array(&pk, count);
	for (i = 0; i < count; i++)
		tf_map_pack(&pk, &file_shape, &files[i]);
	rc = replace_file(dir, "files", &out, err);
	msgpack_sbuffer_destroy(&out.buf);
	return rc;
}

/* --- reading --- */

/* No header comes near; a bound so that a hostile one cannot fill the memory. */
enum { DOCUMENT_MAX = 1 << 26 };

/* The whole of DIR/name, malloc'd. NULL with errno; EFBIG when beyond any reason. */
static char *read_file(const char *dir, const char *name, size_t *len)
{
	char *path, *bytes = NULL;
	size_t cap = 0, n = 0;
	struct stat st;
	int fd;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return NULL;
	/* Not a FIFO: opening one would wait for ever. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	free(path);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0)
		goto fail;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		goto fail;
	}
	for (;;) {
		ssize_t got;

		if (n == cap) {
			size_t more = cap ? 2 * cap : (size_t)1 << 14;
			char *grown;

			if (more > DOCUMENT_MAX) {
				errno = EFBIG;
				goto fail;
			}
			grown = realloc(bytes, more);
			if (!grown)
				goto fail;
			bytes = grown;
			cap = more;
		}
		got = read(fd, bytes + n, cap - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			goto fail;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	*len = n;
	return bytes;
fail : {
	int saved = errno;

	free(bytes);
	close(fd);
	errno = saved;
}
	return NULL;
}

int tf_header_read(const char *dir, struct msgpack_zone *zone, struct deja_header *h,
		   struct deja_error *err)
{
	const char *bad = NULL;
	msgpack_object o;
	struct stat st;
	size_t len;
	char *bytes;
	int rc = -1;

	memset(h, 0, sizeof(*h));
	if (stat(dir, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return tf_fail(err, DEJA_E_NOT_FOUND, "%s: no such recording",
				       dir);
		return tf_fail_errno(err, "cannot read %s", dir);
	}
	if (!S_ISDIR(st.st_mode))
		return tf_fail(err, DEJA_E_NOT_A_RECORDING,
			       "%s: not a recording (not a directory)", dir);
	bytes = read_file(dir, "header", &len);
	if (!bytes) {
		if (errno == ENOENT || errno == EINVAL)
			return tf_fail(err, DEJA_E_NOT_A_RECORDING,
				       "%s: not a recording (it has no header)", dir);
		if (errno == EFBIG)
			return tf_fail(err, DEJA_E_HEADER,
				       "%s: the header is too large", dir);
		return tf_fail_errno(err, "cannot read %s/header", dir);
	}
	if (tf_document_parse(bytes, len, zone, &o) < 0)
		tf_fail(err, DEJA_E_HEADER, "%s: the header is damaged", dir);
	else if (tf_map_unpack(zone, &o, &header_shape, h, &bad) < 0 &&
		 h->format <= TF_FORMAT)
		tf_fail(err, DEJA_E_HEADER, "%s: the header is damaged (%s)", dir,
			bad ? bad : "not a map");
	else if (h->format > TF_FORMAT)
		tf_fail(err, DEJA_E_VERSION,
			"%s: made by a newer deja (format %u; this one reads up to %d)",
			dir, h->format, TF_FORMAT);
	else if (h->format == 0)
		tf_fail(err, DEJA_E_HEADER, "%s: the header names no format", dir);
	else
		rc = 0;
	free(bytes);
	return rc;
}

int tf_files_read(const char *dir, struct msgpack_zone *zone,
		  const struct deja_file **files, size_t *count, struct deja_error *err)
{
	const char *bad = NULL;
	msgpack_object o;
	struct deja_file *list = NULL;
	size_t len, i;
	char *bytes;
	int rc = -1;

	*files = NULL;
	*count = 0;
	bytes = read_file(dir, "files", &len);
	if (!bytes) {
		if (errno == ENOENT)
			return 0;
		if (errno == EFBIG || errno == EINVAL)
			return tf_fail(err, DEJA_E_HEADER,
				       "%s: the file index is damaged", dir);
		return tf_fail_errno(err, "cannot read %s/files", dir);
	}
	if (tf_document_parse(bytes, len, zone, &o) < 0 ||
	    o.type != MSGPACK_OBJECT_ARRAY || !tf_are_maps(&o.via.array)) {
		tf_fail(err, DEJA_E_HEADER, "%s: the file index is damaged", dir);
		goto out;
	}
	list = msgpack_zone_malloc(zone, o.via.array.size * sizeof(*list) + 1);
	if (!list) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		goto out;
	}
	memset(list, 0, o.via.array.size * sizeof(*list));
	for (i = 0; i < o.via.array.size; i++)
		if (tf_map_unpack(zone, &o.via.array.ptr[i], &file_shape, &list[i],
			       &bad) < 0) {
			tf_fail(err, DEJA_E_HEADER,
				"%s: the file index is damaged (%s)", dir,
				bad ? bad : "not a map");
			goto out;
		}
	*files = list;
	*count = o.via.array.size;
	rc = 0;
out:
	free(bytes);
	return rc;
}
