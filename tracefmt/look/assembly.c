/*
 * One direction of an I/O stream put together, and which event brought which byte
 * (deja_look.h).
 */
#include <stdlib.h>
#include <string.h>

#include "tracefmt/deja_look.h"
#include "tracefmt/error.h"

struct deja_assembly {
	uint8_t *bytes;
	size_t begin, len, cap; /* bytes[begin ... begin + len) are held */
	uint64_t offset;	/* of bytes[begin] */
	struct deja_origin *origins; /* by offset */
	size_t first, count, origin_cap; /* origins[first ... first + count) */
};

deja_assembly *deja_assembly_new(void)
{
	return calloc(1, sizeof(deja_assembly));
}

void deja_assembly_free(deja_assembly *a)
{
	if (!a)
		return;
	free(a->bytes);
	free(a->origins);
	free(a);
}

static bool make_room(deja_assembly *a, size_t len)
{
	size_t cap = a->cap ? a->cap : 4096;
	uint8_t *grown;

	if (a->begin && a->cap - a->begin - a->len < len) {
		memmove(a->bytes, a->bytes + a->begin, a->len);
		a->begin = 0;
	}
	if (a->cap - a->begin - a->len >= len)
		return true;
	while (cap - a->len < len)
		cap *= 2;
	grown = realloc(a->bytes, cap);
	if (!grown)
		return false;
	a->bytes = grown;
	a->cap = cap;
	return true;
}

static bool add_origin(deja_assembly *a, const struct deja_origin *origin)
{
	if (a->first && a->first + a->count == a->origin_cap) {
		memmove(a->origins, a->origins + a->first, a->count * sizeof(*a->origins));
		a->first = 0;
	}
	if (a->first + a->count == a->origin_cap) {
		size_t cap = a->origin_cap ? 2 * a->origin_cap : 16;
		struct deja_origin *grown = realloc(a->origins, cap * sizeof(*grown));

		if (!grown)
			return false;
		a->origins = grown;
		a->origin_cap = cap;
	}
	a->origins[a->first + a->count++] = *origin;
	return true;
}

int deja_assembly_add(deja_assembly *a, const struct deja_event *ev,
		      const struct deja_leg *leg, struct deja_error *err)
{
	struct deja_origin origin = {.stream = ev->stream, .number = ev->number,
				     .time_ns = ev->time_ns, .pid = ev->pid,
				     .offset = leg->offset, .len = leg->len};
	struct deja_payload p;
	struct deja_bytes piece;

	/* A gap: what was held has no neighbour any more. */
	if (!leg->stored || a->offset + a->len != leg->offset)
		deja_assembly_drop(a, UINT64_MAX);
	if (!a->len)
		a->offset = leg->offset;
	if (!leg->stored) {
		a->offset = leg->offset + leg->len;
		return 0;
	}
	if (!add_origin(a, &origin))
		return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	deja_payload_begin(&p, ev, leg);
	while (deja_payload_next(&p, &piece)) {
		if (!make_room(a, piece.len))
			return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		memcpy(a->bytes + a->begin + a->len, piece.data, piece.len);
		a->len += piece.len;
	}
	return 0;
}

struct deja_bytes deja_assembly_bytes(const deja_assembly *a, uint64_t *offset)
{
	*offset = a->offset;
	return (struct deja_bytes){a->bytes ? a->bytes + a->begin : NULL, a->len};
}

void deja_assembly_drop(deja_assembly *a, uint64_t offset)
{
	size_t n = offset <= a->offset		? 0
		   : offset - a->offset < a->len ? (size_t)(offset - a->offset)
						 : a->len;

	a->begin += n;
	a->offset += n;
	a->len -= n;
	if (!a->len)
		a->begin = 0;
	while (a->count &&
	       a->origins[a->first].offset + a->origins[a->first].len <= a->offset) {
		a->first++;
		a->count--;
	}
	if (!a->count)
		a->first = 0;
}

bool deja_assembly_origin(const deja_assembly *a, uint64_t offset, struct deja_origin *origin)
{
	size_t lo = 0, hi = a->count;

	if (offset < a->offset || offset - a->offset >= a->len)
		return false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct deja_origin *o = &a->origins[a->first + mid];

		if (o->offset + o->len <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == a->count)
		return false;
	*origin = a->origins[a->first + lo];
	return true;
}
