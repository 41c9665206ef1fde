/*
 * The header and the file index of a recording: structs to msgpack maps and back.
 * Called by the supervisor (write) and by libdeja (read). malloc, blocking I/O.
 *
 * Both directions are driven by the same tables, so a field is one row. Keys a table
 * does not know are skipped; keys a file lacks leave zero or the empty string.
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
#include "header.h"
#include "wire.h"

enum field_type {
	U32,
	I32,
	U64,
	I64,
	BOOL,
	TEXT,	/* str */
	BIN,	/* bytes without NUL: paths, arguments */
	TEXTS,	/* array of str; the count is at `aux` */
	BINS,	/* array of bin; the count is at `aux` */
	STATUS, /* int at `at`, or nil when the bool at `aux` is false */
	LIMITS, /* array of [soft, hard]; the count is at `aux` */
	MAPS,	/* array of maps of `sub`; the count is at `aux` */
};

struct shape;

struct field {
	const char *key;
	enum field_type type;
	size_t at, aux; /* offsets in the struct */
	const struct shape *sub;
};

struct shape {
	const struct field *fields;
	size_t count, size;
};

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
static const struct field process_fields[] = {
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
static const struct shape process_shape = SHAPE(process_fields);
#undef S
#define S deja_external
static const struct field external_fields[] = {
    F(I32, "pid", pid),
    F(BIN, "path", path),
    F(TEXT, "reason", reason),
};
static const struct shape external_shape = SHAPE(external_fields);
#undef S
#define S deja_header
static const struct field header_fields[] = {
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
static const struct shape header_shape = SHAPE(header_fields);
#undef S
#define S deja_file
static const struct field file_fields[] = {
    F(U32, "id", id),	  F(BIN, "path", path),		F(TEXT, "hash", hash),
    F(U64, "size", size), F(U32, "mode", mode),		F(U64, "dev", dev),
    F(U64, "ino", ino),	  F(I64, "mtime_ns", mtime_ns), F(BOOL, "exact", exact),
};
static const struct shape file_shape = SHAPE(file_fields);
#undef S

/* --- writing --- */

static void pack_text(msgpack_packer *pk, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	msgpack_pack_str(pk, len);
	msgpack_pack_str_body(pk, text, len);
}

static void pack_bin(msgpack_packer *pk, const char *bytes)
{
	size_t len = bytes ? strlen(bytes) : 0;

	msgpack_pack_bin(pk, len);
	msgpack_pack_bin_body(pk, bytes, len);
}

static void pack_map(msgpack_packer *pk, const struct shape *shape, const char *base);

static void pack_field(msgpack_packer *pk, const struct field *f, const char *base)
{
	const char *at = base + f->at;
	size_t count, i;

	switch (f->type) {
	case U32:
		msgpack_pack_uint32(pk, *(const uint32_t *)at);
		return;
	case I32:
		msgpack_pack_int32(pk, *(const int32_t *)at);
		return;
	case U64:
		msgpack_pack_uint64(pk, *(const uint64_t *)at);
		return;
	case I64:
		msgpack_pack_int64(pk, *(const int64_t *)at);
		return;
	case BOOL:
		if (*(const bool *)at)
			msgpack_pack_true(pk);
		else
			msgpack_pack_false(pk);
		return;
	case TEXT:
		pack_text(pk, *(const char *const *)at);
		return;
	case BIN:
		pack_bin(pk, *(const char *const *)at);
		return;
	case STATUS:
		if (*(const bool *)(base + f->aux))
			msgpack_pack_int32(pk, *(const int *)at);
		else
			msgpack_pack_nil(pk);
		return;
	case TEXTS:
	case BINS:
	case LIMITS:
	case MAPS:
		break;
	}
	count = *(const size_t *)(base + f->aux);
	msgpack_pack_array(pk, count);
	for (i = 0; i < count; i++) {
		if (f->type == TEXTS)
			pack_text(pk, (*(const char *const *const *)at)[i]);
		else if (f->type == BINS)
			pack_bin(pk, (*(const char *const *const *)at)[i]);
		else if (f->type == MAPS)
			pack_map(pk, f->sub,
				 *(const char *const *)at + i * f->sub->size);
		else {
			const uint64_t *pair = (*(const uint64_t(*const *)[2])at)[i];

			msgpack_pack_array(pk, 2);
			msgpack_pack_uint64(pk, pair[0]);
			msgpack_pack_uint64(pk, pair[1]);
		}
	}
}

static void pack_map(msgpack_packer *pk, const struct shape *shape, const char *base)
{
	size_t i;

	msgpack_pack_map(pk, shape->count);
	for (i = 0; i < shape->count; i++) {
		pack_text(pk, shape->fields[i].key);
		pack_field(pk, &shape->fields[i], base);
	}
}

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
	pack_map(&pk, &header_shape, (const char *)&filled);
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
		pack_map(&pk, &file_shape, (const char *)&files[i]);
	rc = replace_file(dir, "files", &out, err);
	msgpack_sbuffer_destroy(&out.buf);
	return rc;
}

/* --- reading --- */

/* No header comes near; a bound so that a hostile one cannot fill the memory. */
enum { DOCUMENT_MAX = 1 << 26 };

/* No map of any table is shorter: the bound on structs allocated per byte read. */
enum { MAP_MIN = 3 };

static int unpack_map(msgpack_zone *zone, const msgpack_object *o,
		      const struct shape *shape, char *base, const char **bad);

static const char *unpack_string(msgpack_zone *zone, const msgpack_object *o)
{
	const char *bytes;
	size_t len;
	char *copy;

	if (o->type == MSGPACK_OBJECT_STR) {
		bytes = o->via.str.ptr;
		len = o->via.str.size;
	} else if (o->type == MSGPACK_OBJECT_BIN) {
		bytes = o->via.bin.ptr;
		len = o->via.bin.size;
	} else {
		return NULL;
	}
	copy = msgpack_zone_malloc_no_align(zone, len + 1);
	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

/* An integer within [min, max]; max is unsigned so that all 64-bit ranges fit. */
static int unpack_int(const msgpack_object *o, int64_t min, uint64_t max, uint64_t *v)
{
	if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= max)
		*v = o->via.u64;
	else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && o->via.i64 >= min)
		*v = (uint64_t)o->via.i64;
	else
		return -1;
	return 0;
}

static int are_maps(const msgpack_object_array *a)
{
	uint32_t i;

	for (i = 0; i < a->size; i++)
		if (a->ptr[i].type != MSGPACK_OBJECT_MAP ||
		    a->ptr[i].via.map.size < MAP_MIN)
			return 0;
	return 1;
}

static int unpack_array(msgpack_zone *zone, const msgpack_object *o,
			const struct field *f, char *base, const char **bad)
{
	size_t size = f->type == MAPS	  ? f->sub->size
		      : f->type == LIMITS ? sizeof(uint64_t[2])
					  : sizeof(char *);
	size_t count, i;
	char *items;

	if (o->type != MSGPACK_OBJECT_ARRAY ||
	    (f->type == MAPS && !are_maps(&o->via.array)))
		return -1;
	count = o->via.array.size;
	items = msgpack_zone_malloc(zone, count * size + 1);
	if (!items)
		return -1;
	memset(items, 0, count * size);
	for (i = 0; i < count; i++) {
		const msgpack_object *e = &o->via.array.ptr[i];

		if (f->type == MAPS) {
			if (unpack_map(zone, e, f->sub, items + i * size, bad) < 0)
				return -1;
		} else if (f->type == LIMITS) {
			uint64_t *pair = (uint64_t *)(items + i * size);

			if (e->type != MSGPACK_OBJECT_ARRAY || e->via.array.size < 2 ||
			    unpack_int(&e->via.array.ptr[0], 0, UINT64_MAX, &pair[0]) <
				0 ||
			    unpack_int(&e->via.array.ptr[1], 0, UINT64_MAX, &pair[1]) <
				0)
				return -1;
		} else {
			const char *s = unpack_string(zone, e);

			if (!s)
				return -1;
			((const char **)items)[i] = s;
		}
	}
	*(char **)(base + f->at) = items;
	*(size_t *)(base + f->aux) = count;
	return 0;
}

static int unpack_field(msgpack_zone *zone, const msgpack_object *o,
			const struct field *f, char *base, const char **bad)
{
	char *at = base + f->at;
	uint64_t v;

	switch (f->type) {
	case U32:
		if (unpack_int(o, 0, UINT32_MAX, &v) < 0)
			return -1;
		*(uint32_t *)at = (uint32_t)v;
		return 0;
	case I32:
		if (unpack_int(o, INT32_MIN, INT32_MAX, &v) < 0)
			return -1;
		*(int32_t *)at = (int32_t)v;
		return 0;
	case U64:
		return unpack_int(o, 0, UINT64_MAX, (uint64_t *)at);
	case I64:
		if (unpack_int(o, INT64_MIN, INT64_MAX, &v) < 0)
			return -1;
		*(int64_t *)at = (int64_t)v;
		return 0;
	case BOOL:
		if (o->type != MSGPACK_OBJECT_BOOLEAN)
			return -1;
		*(bool *)at = o->via.boolean;
		return 0;
	case TEXT:
	case BIN: {
		const char *s = unpack_string(zone, o);

		if (!s)
			return -1;
		*(const char **)at = s;
		return 0;
	}
	case STATUS:
		if (o->type == MSGPACK_OBJECT_NIL)
			return 0;
		if (unpack_int(o, INT32_MIN, INT32_MAX, &v) < 0)
			return -1;
		*(int *)at = (int)v;
		*(bool *)(base + f->aux) = true;
		return 0;
	case TEXTS:
	case BINS:
	case LIMITS:
	case MAPS:
		break;
	}
	return unpack_array(zone, o, f, base, bad);
}

/* *bad is the key of the field that is wrong. */
static int unpack_map(msgpack_zone *zone, const msgpack_object *o,
		      const struct shape *shape, char *base, const char **bad)
{
	size_t i, k;

	for (k = 0; k < shape->count; k++)
		if (shape->fields[k].type == TEXT || shape->fields[k].type == BIN)
			*(const char **)(base + shape->fields[k].at) = "";
	if (o->type != MSGPACK_OBJECT_MAP)
		return -1;
	for (i = 0; i < o->via.map.size; i++) {
		const msgpack_object *key = &o->via.map.ptr[i].key;

		if (key->type != MSGPACK_OBJECT_STR)
			continue;
		for (k = 0; k < shape->count; k++) {
			const struct field *f = &shape->fields[k];

			if (key->via.str.size != strlen(f->key) ||
			    memcmp(key->via.str.ptr, f->key, key->via.str.size) != 0)
				continue;
			*bad = f->key;
			if (unpack_field(zone, &o->via.map.ptr[i].val, f, base, bad) <
			    0)
				return -1;
		}
	}
	return 0;
}

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

/*
 * msgpack-c allocates arrays by their declared count before it has seen one element. A
 * walk that allocates nothing comes first: a document that ends where its structure
 * ends has no count larger than itself.
 */
static int unpack_document(const char *bytes, size_t len, msgpack_zone *zone,
			   msgpack_object *o)
{
	struct tf_in in = {(const uint8_t *)bytes, (const uint8_t *)bytes + len, 0};
	size_t off = 0;

	tf_skip(&in);
	if (in.bad || in.p != in.end)
		return -1;
	return msgpack_unpack(bytes, len, &off, zone, o) == MSGPACK_UNPACK_SUCCESS ? 0
										   : -1;
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
	if (unpack_document(bytes, len, zone, &o) < 0)
		tf_fail(err, DEJA_E_HEADER, "%s: the header is damaged", dir);
	else if (unpack_map(zone, &o, &header_shape, (char *)h, &bad) < 0 &&
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
	if (unpack_document(bytes, len, zone, &o) < 0 ||
	    o.type != MSGPACK_OBJECT_ARRAY || !are_maps(&o.via.array)) {
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
		if (unpack_map(zone, &o.via.array.ptr[i], &file_shape, (char *)&list[i],
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
