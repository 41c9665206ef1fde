/*
 * See space.h. Called by stacks.c, with each event of a stream in turn.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "tools/installed.h"
#include "tools/space.h"
#include "tracefmt/calls.h"
#include "tracefmt/header.h"
#include "tracefmt/wire.h"

bool space_add(struct space *s, struct space_map map)
{
	s->changes++;
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct space_map *grown = realloc(s->map, room * sizeof(*grown));

		if (!grown)
			return false;
		s->map = grown;
		s->room = room;
	}
	s->map[s->count++] = map;
	return true;
}

/* Nothing of a file is mapped there any more. */
static bool clear(struct space *s, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < s->count; i++) {
		struct space_map *m = &s->map[i], rest;

		if (m->end <= start || m->start >= end)
			continue;
		s->changes++;
		rest = *m;
		if (m->start < start) {
			m->end = start;
			if (rest.end > end) {
				rest.offset += end - rest.start;
				rest.start = end;
				return space_add(s, rest); /* it was in the middle of one */
			}
		} else if (m->end > end) {
			m->offset += end - m->start;
			m->start = end;
		} else {
			*m = s->map[--s->count];
			i--;
		}
	}
	return true;
}

static bool feed_image(struct space *s, const struct deja_event *ev)
{
	struct tf_image img;
	bool ok = true;

	s->count = 0;
	s->changes++;
	if (tf_image_decode(ev->raw.data, ev->raw.len, &img) < 0)
		return true;
	for (size_t i = 0; ok && i < img.map_count; i++) {
		const struct tf_image_map *m = &img.maps[i];
		bool runtime = m->path.len &&
			       installed_is_runtime((const char *)m->path.data, m->path.len);

		if (m->file || runtime)
			ok = space_add(s, (struct space_map){m->start, m->end, m->offset, m->file,
						       runtime});
	}
	tf_image_free(&img);
	return ok;
}

static uint64_t pages(uint64_t len)
{
	return (len + 4095) & ~4095ull;
}

static bool feed_mmap(struct space *s, const struct deja_event *ev)
{
	uint64_t start = (uint64_t)ev->result, end = start + pages((uint64_t)ev->args[1]);
	uint32_t file = s->next_file;

	s->next_file = 0;
	if (!clear(s, start, end))
		return false;
	if (!file || (ev->args[3] & MAP_ANONYMOUS) || end <= start)
		return true;
	return space_add(s, (struct space_map){start, end, (uint64_t)ev->args[5], file, false});
}

bool space_feed(struct space *s, const struct deja_event *ev)
{
	const struct tf_call *call = tf_call_by_id(ev->id);
	struct tf_in in = {ev->raw.data, ev->raw.data + ev->raw.len, 0};

	if (ev->id == TF_EV_IMAGE)
		return feed_image(s, ev);
	if (ev->id == TF_EV_FILE) {
		tf_get_array(&in);
		tf_get_int(&in);
		s->next_file = (uint32_t)tf_get_int(&in);
		return true;
	}
	if (!call || ev->result < 0)
		return true;
	switch (call->nr) {
	case SYS_mmap:
		return feed_mmap(s, ev);
	case SYS_munmap:
		return clear(s, (uint64_t)ev->args[0],
			     (uint64_t)ev->args[0] + pages((uint64_t)ev->args[1]));
	}
	return true;
}

const struct space_map *space_find(const struct space *s, uint64_t addr)
{
	for (size_t i = 0; i < s->count; i++)
		if (addr >= s->map[i].start && addr < s->map[i].end)
			return &s->map[i];
	return NULL;
}

bool space_copy(struct space *to, const struct space *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (!space_add(to, from->map[i]))
			return false;
	return true;
}

void space_free(struct space *s)
{
	free(s->map);
	*s = (struct space){0};
}
