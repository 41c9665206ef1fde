/*
 * What lies where in the program's part of the address space, as far as the loader and the
 * dynamic linker have mapped it; and where the recording's kernel put a mapping that the
 * dynamic linker left to it. Kept here and not asked of this machine's kernel: it may
 * place, merge and name mappings in another way, and /proc may be missing.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include "replayer/loader/loader.h"

enum { RANGE_MAX = 4096 };

struct range {
	uint64_t from, to;
	int prot;
	const char *name;
	uint32_t name_len;
};

static struct range ranges[RANGE_MAX]; /* by address */
static unsigned range_count;

static void insert(unsigned at, struct range r)
{
	if (range_count == RANGE_MAX)
		loader_fail("the program begins with too many mappings", "", 0);
	for (unsigned i = range_count++; i > at; i--)
		ranges[i] = ranges[i - 1];
	ranges[at] = r;
}

/* Makes an edge at addr: no range lies on both sides of it. Returns the first at or above. */
static unsigned cut(uint64_t addr)
{
	unsigned i = 0;

	while (i < range_count && ranges[i].to <= addr)
		i++;
	if (i < range_count && ranges[i].from < addr) {
		struct range upper = ranges[i];

		ranges[i].to = upper.from = addr;
		insert(++i, upper);
	}
	return i;
}

void space_clear(uint64_t from, uint64_t to)
{
	unsigned first = cut(from), end = cut(to);
	unsigned gone = end - first;

	for (unsigned i = end; i < range_count; i++)
		ranges[i - gone] = ranges[i];
	range_count -= gone;
}

void space_set(uint64_t from, uint64_t to, int prot, const char *name, size_t name_len)
{
	unsigned first;

	if (!name) {
		first = cut(from);
		for (unsigned end = cut(to); first < end; first++)
			ranges[first].prot = prot;
		return;
	}
	space_clear(from, to);
	insert(cut(from), (struct range){from, to, prot, name, (uint32_t)name_len});
}

bool space_is_free(uint64_t from, uint64_t to)
{
	for (unsigned i = 0; i < range_count; i++)
		if (ranges[i].from < to && ranges[i].to > from)
			return false;
	return true;
}

/* The end of the highest hole of this length below edge. */
static uint64_t hole_below(uint64_t edge, uint64_t len)
{
	for (unsigned i = range_count; i-- > 0;) {
		if (ranges[i].from >= edge)
			continue;
		if (ranges[i].to + len <= edge)
			break;
		edge = ranges[i].from;
	}
	return edge;
}

uint64_t space_place(uint64_t len)
{
	uint64_t edge;

	len = (len + PAGE - 1) & ~(PAGE - 1ul);
	if (ld.bottom_up) {
		edge = ld.mmap_start;
		for (unsigned i = 0; i < range_count; i++) {
			if (ranges[i].to <= edge)
				continue;
			if (ranges[i].from >= edge + len)
				break;
			edge = ranges[i].to;
		}
		return edge;
	}
	edge = hole_below(ld.mmap_end, len);
	return edge > len ? edge - len : 0;
}

uint64_t space_place_in(uint64_t from, uint64_t to, uint64_t len)
{
	uint64_t edge = hole_below(to, len);

	return edge >= len && edge - len >= from ? edge - len : 0;
}

void space_hand_over(void)
{
	struct handover *h = (struct handover *)DJ_HANDOVER;

	if (dj_raw(SYS_mmap, DJ_HANDOVER, sizeof(*h), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (long)DJ_HANDOVER)
		loader_fail("no memory", "", 0);
	for (unsigned i = 0; i < range_count; i++) {
		const struct range *r = &ranges[i];
		struct mapping m = {.from = r->from, .to = r->to, .flags = r->prot & 7};

		if (!mappings_add(&h->maps, &m, r->name, (uint32_t)r->name_len))
			break;
	}
}

bool recorded_map_next(struct tf_in *in, uint32_t *left, struct recorded_map *m)
{
	if (!*left || in->bad)
		return false;
	(*left)--;
	if (tf_get_array(in) < 6)
		in->bad = 1;
	m->from = (uint64_t)tf_get_int(in);
	m->to = (uint64_t)tf_get_int(in);
	m->prot = (unsigned)tf_get_int(in);
	m->offset = (uint64_t)tf_get_int(in);
	m->file = (uint32_t)tf_get_int(in);
	m->path = (const char *)tf_get_bytes(in, &m->path_len);
	if (in->bad || (m->from | m->to) & (PAGE - 1) || m->from >= m->to)
		loader_fail("its list of mappings is damaged", "", 0);
	return true;
}
