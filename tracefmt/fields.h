/*
 * Structs as msgpack maps, driven by tables: a field is one row, for both directions. Keys that
 * a table does not know are skipped; keys that a file lacks leave zero or the empty string.
 * Called by header.c. malloc by msgpack-c, no I/O.
 */
#ifndef DEJA_TRACEFMT_FIELDS_H
#define DEJA_TRACEFMT_FIELDS_H

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>

enum tf_field_type {
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

struct tf_shape;

/* A row: one key, and the member that has its value. */
struct tf_field {
	const char *key;
	enum tf_field_type type;
	size_t at, aux; /* offsets in the struct */
	const struct tf_shape *sub;
};

/* A struct's table: count rows, size bytes. */
struct tf_shape {
	const struct tf_field *fields;
	size_t count, size;
};

/* Appends the struct at base, as shape says, to pk; a failed write is the writer's to notice. */
void tf_map_pack(msgpack_packer *pk, const struct tf_shape *shape, const void *base);

/* Fills the zeroed struct at base from o; what it points to lives in zone. 0, or -1: then *bad is
 * the key of the field that is wrong, unchanged where o is no map. */
int tf_map_unpack(msgpack_zone *zone, const msgpack_object *o, const struct tf_shape *shape,
		  void *base, const char **bad);

/* Are these all maps, each as long as one of any table: no more structs to allocate than the
 * file has bytes for? */
bool tf_are_maps(const msgpack_object_array *a);

/* The one object in these len bytes, which it points into; its arrays are in zone. 0 or -1. */
int tf_document_parse(const char *bytes, size_t len, msgpack_zone *zone, msgpack_object *o);

#endif
