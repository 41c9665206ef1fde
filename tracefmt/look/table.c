/*
 * Tables of descriptors (look.h): sorted vectors, as a hostile number must not cost memory.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <string.h>

#include "tracefmt/look/look.h"

/* The first slot at or behind fd. */
static size_t lower_bound(const struct look_table *t, int fd)
{
	size_t lo = 0, hi = t->count;

	/* Descriptors are mostly dense from 0: where it would stand then. */
	if (fd >= 0 && (size_t)fd < hi && t->slots[fd].fd == fd)
		return (size_t)fd;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->slots[mid].fd < fd)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct look_slot *look_table_find(const struct look_table *t, int fd)
{
	size_t i = lower_bound(t, fd);

	return i < t->count && t->slots[i].fd == fd ? &t->slots[i] : NULL;
}

static void remove_at(struct look_ios *ios, struct look_table *t, size_t i)
{
	ios->slot_count--;
	t->count--;
	memmove(&t->slots[i], &t->slots[i + 1], (t->count - i) * sizeof(*t->slots));
}

void look_table_clear(struct look_ios *ios, struct look_table *t, int fd,
		      const struct deja_event *ev)
{
	size_t i = lower_bound(t, fd);
	struct look_io *io;

	if (i >= t->count || t->slots[i].fd != fd)
		return;
	io = t->slots[i].io;
	remove_at(ios, t, i);
	look_io_unref(ios, io, ev);
}

/* So long a close that returns late is waited for. Later ones are the new one's: the old
 * one's was in no recording. */
enum { OWED_NS = 1000 * 1000 * 1000 };

void look_table_close(struct look_ios *ios, struct look_table *t, int fd,
		      const struct deja_event *ev)
{
	size_t i = lower_bound(t, fd);
	struct look_slot *slot = i < t->count && t->slots[i].fd == fd ? &t->slots[i] : NULL;

	if (slot && slot->owed && ev->time_ns - slot->open_ns < OWED_NS)
		slot->owed--;
	else
		look_table_clear(ios, t, fd, ev);
}

/* dup2 and dup3 close what was there themselves. */
static bool is_replacing(const struct deja_event *ev)
{
	return ev->id == TF_ID_FIRST + SYS_dup2 || ev->id == TF_ID_FIRST + SYS_dup3;
}

void look_table_set(struct look_ios *ios, struct look_table *t, int fd, struct look_io *io,
		    bool cloexec, const struct deja_event *ev)
{
	size_t i = lower_bound(t, fd);
	uint32_t owed = 0;

	/* a number that the kernel chose was free: its close is yet to be told */
	if (i < t->count && t->slots[i].fd == fd && !is_replacing(ev))
		owed = t->slots[i].owed + 1;
	look_io_ref(io);
	look_table_clear(ios, t, fd, ev);
	if (fd < 0 || ios->slot_count >= LOOK_SLOT_MAX) {
		ios->lost++;
		look_io_unref(ios, io, ev);
		return;
	}
	if (t->count == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 16;
		struct look_slot *slots = realloc(t->slots, cap * sizeof(*slots));

		if (!slots) {
			ios->lost++;
			look_io_unref(ios, io, ev);
			return;
		}
		t->slots = slots;
		t->cap = cap;
	}
	i = lower_bound(t, fd);
	memmove(&t->slots[i + 1], &t->slots[i], (t->count - i) * sizeof(*t->slots));
	t->slots[i] = (struct look_slot){fd, cloexec, io, ev->time_ns, owed};
	t->count++;
	ios->slot_count++;
}

void look_table_close_range(struct look_ios *ios, struct look_table *t, unsigned first,
			    unsigned last, bool mark, const struct deja_event *ev)
{
	size_t i, kept = 0, count = t->count;

	for (i = 0; i < count; i++) {
		struct look_slot slot = t->slots[i];
		bool meant = (unsigned)slot.fd >= first && (unsigned)slot.fd <= last;

		if (meant && !mark) {
			look_io_unref(ios, slot.io, ev);
			continue;
		}
		slot.cloexec |= meant;
		t->slots[kept++] = slot;
	}
	ios->slot_count -= t->count - kept;
	t->count = kept;
}

void look_table_close_on_exec(struct look_ios *ios, struct look_table *t,
			      const struct deja_event *ev)
{
	size_t i, kept = 0;

	for (i = 0; i < t->count; i++)
		if (t->slots[i].cloexec)
			look_io_unref(ios, t->slots[i].io, ev);
		else
			t->slots[kept++] = t->slots[i];
	ios->slot_count -= t->count - kept;
	t->count = kept;
}

void look_table_copy(struct look_ios *ios, struct look_table *to, const struct look_table *from)
{
	memset(to, 0, sizeof(*to));
	to->cwd = from->cwd ? strdup(from->cwd) : NULL;
	if (!from->count)
		return;
	if (ios->slot_count + from->count <= LOOK_SLOT_MAX)
		to->slots = malloc(from->count * sizeof(*to->slots));
	if (!to->slots) {
		ios->lost += from->count;
		return;
	}
	ios->slot_count += from->count;
	memcpy(to->slots, from->slots, from->count * sizeof(*to->slots));
	to->count = to->cap = from->count;
	for (size_t i = 0; i < to->count; i++)
		look_io_ref(to->slots[i].io);
}

void look_table_drop(struct look_ios *ios, struct look_table *t, const struct deja_event *ev)
{
	for (size_t i = 0; i < t->count; i++)
		look_io_unref(ios, t->slots[i].io, ev);
	ios->slot_count -= t->count;
	free(t->slots);
	free(t->cwd);
	memset(t, 0, sizeof(*t));
}
