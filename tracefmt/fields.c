/*
 * See fields.h.
 */
#include <string.h>

#include "fields.h"
#include "wire.h"

/* --- packing --- */

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

static void pack_field(msgpack_packer *pk, const struct tf_field *f, const char *base)
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
			tf_map_pack(pk, f->sub,
				 *(const char *const *)at + i * f->sub->size);
		else {
			const uint64_t *pair = (*(const uint64_t(*const *)[2])at)[i];

			msgpack_pack_array(pk, 2);
			msgpack_pack_uint64(pk, pair[0]);
			msgpack_pack_uint64(pk, pair[1]);
		}
	}
}

void tf_map_pack(msgpack_packer *pk, const struct tf_shape *shape, const void *base)
{
	size_t i;

	msgpack_pack_map(pk, shape->count);
	for (i = 0; i < shape->count; i++) {
		pack_text(pk, shape->fields[i].key);
		pack_field(pk, &shape->fields[i], base);
	}
}

/* --- unpacking --- */

/* No map of any table is shorter: the bound on structs allocated per byte read. */
enum { MAP_MIN = 3 };

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

bool tf_are_maps(const msgpack_object_array *a)
{
	uint32_t i;

	for (i = 0; i < a->size; i++)
		if (a->ptr[i].type != MSGPACK_OBJECT_MAP ||
		    a->ptr[i].via.map.size < MAP_MIN)
			return false;
	return true;
}

static int unpack_array(msgpack_zone *zone, const msgpack_object *o,
			const struct tf_field *f, char *base, const char **bad)
{
	size_t size = f->type == MAPS	  ? f->sub->size
		      : f->type == LIMITS ? sizeof(uint64_t[2])
					  : sizeof(char *);
	size_t count, i;
	char *items;

	if (o->type != MSGPACK_OBJECT_ARRAY ||
	    (f->type == MAPS && !tf_are_maps(&o->via.array)))
		return -1;
	count = o->via.array.size;
	items = msgpack_zone_malloc(zone, count * size + 1);
	if (!items)
		return -1;
	memset(items, 0, count * size);
	for (i = 0; i < count; i++) {
		const msgpack_object *e = &o->via.array.ptr[i];

		if (f->type == MAPS) {
			if (tf_map_unpack(zone, e, f->sub, items + i * size, bad) < 0)
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
			const struct tf_field *f, char *base, const char **bad)
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

int tf_map_unpack(msgpack_zone *zone, const msgpack_object *o, const struct tf_shape *shape,
		  void *base, const char **bad)
{
	size_t i, k;

	for (k = 0; k < shape->count; k++)
		if (shape->fields[k].type == TEXT || shape->fields[k].type == BIN)
			*(const char **)((char *)base + shape->fields[k].at) = "";
	if (o->type != MSGPACK_OBJECT_MAP)
		return -1;
	for (i = 0; i < o->via.map.size; i++) {
		const msgpack_object *key = &o->via.map.ptr[i].key;

		if (key->type != MSGPACK_OBJECT_STR)
			continue;
		for (k = 0; k < shape->count; k++) {
			const struct tf_field *f = &shape->fields[k];

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

/*
 * msgpack-c allocates arrays by their declared count before it has seen one element. A
 * walk that allocates nothing comes first: a document that ends where its structure
 * ends has no count larger than itself.
 */
int tf_document_parse(const char *bytes, size_t len, msgpack_zone *zone, msgpack_object *o)
{
	struct tf_in in = {(const uint8_t *)bytes, (const uint8_t *)bytes + len, 0};
	size_t off = 0;

	tf_skip(&in);
	if (in.bad || in.p != in.end)
		return -1;
	return msgpack_unpack(bytes, len, &off, zone, o) == MSGPACK_UNPACK_SUCCESS ? 0
										   : -1;
}
