/*
 * See living.h.
 */
#include <sched.h>
#include <stdlib.h>
#include "tools/record/living.h"

static void add(struct living *l, struct living_set *set, int32_t tid)
{
	if (set->count == set->cap) {
		size_t cap = set->cap ? 2 * set->cap : 8;
		int32_t *grown = realloc(set->tids, cap * sizeof(*grown));

		if (!grown) {
			l->unknown = true;
			return;
		}
		set->tids = grown;
		set->cap = cap;
	}
	set->tids[set->count++] = tid;
}

/* Where it is among them, or count. */
static size_t find(const struct living_set *set, int32_t tid)
{
	size_t i = 0;

	while (i < set->count && set->tids[i] != tid)
		i++;
	return i;
}

static bool take(struct living_set *set, int32_t tid)
{
	size_t i = find(set, tid);

	if (i == set->count)
		return false;
	set->tids[i] = set->tids[--set->count];
	return true;
}

/* Nobody writes the stream any more. */
static bool is_over(const struct living *l)
{
	for (size_t i = 0; i < l->guests.count; i++)
		if (l->guests.tids[i] > 0)
			return false;
	return l->ended && !l->unknown;
}

void living_begin(struct living *l, int32_t pid, int32_t tid)
{
	l->threads.count = l->guests.count = 0;
	l->ended = l->unknown = false;
	l->first_status = -1;
	l->pid = pid;
	l->tid = tid;
	add(l, &l->threads, tid);
}

void living_clone(struct living *l, uint64_t flags, int64_t result)
{
	bool own = find(&l->threads, l->tid) < l->threads.count;

	if (result <= 0 || !(flags & CLONE_VM) || (flags & CLONE_VFORK))
		return;
	if (!own && find(&l->guests, l->tid) == l->guests.count)
		return;
	l->unknown |= !own && (flags & CLONE_THREAD);
	add(l, flags & CLONE_THREAD ? &l->threads : &l->guests, (int32_t)result);
}

bool living_exit(struct living *l, bool group, int code)
{
	int status = (code & 0xff) << 8;

	if (take(&l->guests, l->tid))
		return is_over(l);
	if (!take(&l->threads, l->tid))
		return false;
	if (l->tid == l->pid)
		l->first_status = status;
	/* by exit it is the last one's, with older kernels the first one's */
	l->status_known = group || l->first_status == status;
	l->status = status;
	l->ended = group || !l->threads.count;
	return is_over(l);
}

bool living_exec(struct living *l, bool other_stream)
{
	if (take(&l->guests, l->tid))
		add(l, &l->guests, -l->tid);
	else if (!other_stream || find(&l->threads, l->tid) == l->threads.count)
		return false;
	else
		l->ended = true;
	return is_over(l);
}

void living_exec_failed(struct living *l)
{
	l->ended &= find(&l->threads, l->tid) == l->threads.count;
	if (take(&l->guests, -l->tid))
		add(l, &l->guests, l->tid);
}
