/*
 * See living.h.
 */
#include <sched.h>
#include <stdlib.h>
#include "tools/record/living.h"

static void add(struct living *l, int32_t tid)
{
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 8;
		int32_t *grown = realloc(l->tids, cap * sizeof(*grown));

		if (!grown) {
			l->unknown = true;
			return;
		}
		l->tids = grown;
		l->cap = cap;
	}
	l->tids[l->count++] = tid;
}

/* Where its running thread is among them; l->count: the events are another process's.
 */
static size_t running(const struct living *l)
{
	size_t i = 0;

	while (i < l->count && l->tids[i] != l->tid)
		i++;
	return i;
}

void living_begin(struct living *l, int32_t pid, int32_t tid)
{
	l->count = 0;
	l->shared = l->unknown = false;
	l->first_status = -1;
	l->pid = pid;
	l->tid = tid;
	add(l, tid);
}

void living_clone(struct living *l, uint64_t flags, int64_t result)
{
	if (result <= 0 || !(flags & CLONE_VM) || (flags & CLONE_VFORK) ||
	    running(l) == l->count)
		return;
	if (flags & CLONE_THREAD)
		add(l, (int32_t)result);
	else
		l->shared = true;
}

bool living_exit(struct living *l, bool group, int code)
{
	size_t i = running(l);
	int status = (code & 0xff) << 8;

	if (i == l->count)
		return false;
	if (l->tid == l->pid)
		l->first_status = status;
	/* by exit it is the last one's, with older kernels the first one's */
	l->status_known = group || l->first_status == status;
	l->status = status;
	if (group)
		return true;
	l->tids[i] = l->tids[--l->count];
	/* those who share its memory have their events in this stream: it does not end
	 * here */
	return !l->count && !l->shared && !l->unknown;
}
