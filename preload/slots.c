/*
 * Slots of the session: claimed by the process about to fork or exec, freed by the
 * supervisor, or by the claimer when the child never came to be.
 */
#include <sys/syscall.h>
#include <errno.h>
#include "runtime.h"

unsigned slot_index_of(const struct slot *slot)
{
	return (unsigned)(((char *)slot - (char *)RT->session - SESSION_HEAD_LEN) /
			  SLOT_STRIDE);
}

void slot_release(struct slot *slot)
{
	slot->stream = 0;
	__atomic_store_n(&slot->state, SLOT_FREE, __ATOMIC_SEQ_CST);
}

void slot_tell_pid(const struct slot *slot, uint32_t stream, int32_t *field, int32_t pid)
{
	int32_t unknown = 0;

	if (__atomic_load_n(&slot->stream, __ATOMIC_SEQ_CST) == stream &&
	    __atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) == SLOT_CLAIMED)
		__atomic_compare_exchange_n(field, &unknown, pid, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
}

int32_t *slot_guest_enter(struct slot *slot)
{
	for (uint32_t i = 0; i < GUEST_COUNT; i++) {
		int32_t none = 0;
		uint32_t used;

		if (slot->guest[i] || !__atomic_compare_exchange_n(&slot->guest[i], &none, GUEST_COMES, false,
								   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			continue;
		while ((used = slot->guests_used) < i + 1)
			__atomic_compare_exchange_n(&slot->guests_used, &used, i + 1, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
		return &slot->guest[i];
	}
	return NULL;
}

bool slot_memory(void *at, size_t len)
{
	long r = dj_raw(SYS_madvise, at, len, 23 /* MADV_POPULATE_WRITE */);

	return r == 0 || r == -EINVAL; /* Linux < 5.14 cannot tell */
}

struct slot *slot_claim(struct thread *t, uint32_t stream, uint32_t parent)
{
	if (RT->session->closed || RT->passthrough)
		return NULL;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		struct slot *slot = session_slot(RT->session, i);
		uint32_t free_state = SLOT_FREE;

		if (i >= RT->session->slots_used &&
		    !slot_memory(slot, SLOT_HEAD_LEN))
			return NULL;
		if (slot->state != SLOT_FREE ||
		    !__atomic_compare_exchange_n(&slot->state, &free_state, SLOT_CLAIMED,
						 false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			continue;
		slot->parent_stream = parent;
		slot->pid = 0;
		slot->claimer_pid = dj_own_pid();
		slot->live_pid = 0;
		slot->passthrough = 0;
		slot->no_memory = 0;
		slot->head = slot->tail = slot->pos = slot->kicked = slot->piece = 0;
		slot->last_time_ns = 0;
		slot->last_tid = 0;
		slot->request = 0;
		slot->consumed = 0;
		slot->event_no = 0;
		slot->finished = 0;
		slot->domain_awaited = 0;
		slot->waits_seq = 0;
		slot->time_pos = 0;
		slot->gated = slot->pacing = 0;
		dj_zero(slot->guest, slot->guests_used * sizeof(slot->guest[0]));
		slot->guests_used = slot->orphaned = slot->left = 0;
		dj_zero(slot->clocks, sizeof(slot->clocks));
		dj_copy(slot->fd_role, t->roles, sizeof(slot->fd_role));
		slot->space = t->slot->space;
		while ((free_state = RT->session->slots_used) < i + 1)
			__atomic_compare_exchange_n(&RT->session->slots_used, &free_state,
						    i + 1, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_RELAXED);
		/* last: the supervisor looks at slots that have a stream */
		__atomic_store_n(&slot->stream, stream, __ATOMIC_SEQ_CST);
		return slot;
	}
	return NULL;
}

char *slot_env_put(char *text, const struct slot *slot)
{
	unsigned n = slot_index_of(slot);

	text = dj_put_text(text, text + 64, SESSION_ENV_RT);
	text = dj_put_text(text, text + 64, RT->dir);
	*text++ = ':';
	*text++ = (char)('0' + n / 1000 % 10);
	*text++ = (char)('0' + n / 100 % 10);
	*text++ = (char)('0' + n / 10 % 10);
	*text++ = (char)('0' + n % 10);
	*text++ = 0;
	return text;
}
