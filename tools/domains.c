/*
 * See domains.h. What the members themselves do: preload/recorder/domain.c, replayer/domain.c.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "tools/domains.h"

static void wake(uint32_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

bool domains_forget(struct session *s, uint32_t stream, const uint64_t *turns)
{
	bool held = false;

	for (unsigned d = 0; d < DOMAIN_COUNT; d++) {
		struct domain *dom = &s->domains[d];
		uint32_t expected = stream;

		for (unsigned i = 0; i < s->slots_used && i < SLOT_COUNT; i++) {
			expected = stream;
			__atomic_compare_exchange_n(&dom->waiting[i], &expected, 0, false,
						    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		}
		expected = stream;
		__atomic_compare_exchange_n(&dom->asker, &expected, 0, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&dom->holder, __ATOMIC_SEQ_CST) != stream)
			continue;
		if (turn_is_of(dom->turn, stream)) {
			/* it may have died before the event: then nobody has had that turn */
			held = TURN_NUMBER(dom->turn) == turns[d];
			dom->turn = TURN_NUMBER(dom->turn) - !held;
		}
		dom->pid = 0;
		__atomic_store_n(&dom->woken, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&dom->holder, 0, __ATOMIC_SEQ_CST);
		for (unsigned i = 0; i < s->slots_used && i < SLOT_COUNT; i++)
			if (dom->waiting[i])
				wake(&session_slot(s, i)->domain_bell);
	}
	return held;
}

uint32_t domain_holder(const struct session *s, unsigned d)
{
	return __atomic_load_n(&s->domains[d].holder, __ATOMIC_SEQ_CST);
}

void domains_pass_on(struct session *s, uint32_t stream)
{
	for (unsigned d = 0; d < DOMAIN_COUNT; d++) {
		struct domain *dom = &s->domains[d];
		uint64_t due = __atomic_load_n(&dom->due, __ATOMIC_SEQ_CST);

		if (!turn_is_of(due, stream))
			continue;
		__atomic_store_n(&dom->due, TURN_NUMBER(due), __ATOMIC_SEQ_CST);
		wake(&dom->bell[(TURN_NUMBER(due) + 1) & (DOMAIN_BELL_COUNT - 1)]);
	}
}

static bool is_owned(const struct domain *dom)
{
	return TURN_STREAM(__atomic_load_n(&dom->due, __ATOMIC_SEQ_CST));
}

bool domain_turn_due(const struct session *s, const struct slot *slot)
{
	uint32_t d = slot->domain_awaited - 1;

	return d < DOMAIN_COUNT && !is_owned(&s->domains[d]) &&
	       TURN_NUMBER(s->domains[d].due) + 1 == slot->turn_awaited;
}

bool domains_skip(struct session *s)
{
	for (unsigned d = 0; d < DOMAIN_COUNT; d++) {
		struct domain *dom = &s->domains[d];
		uint64_t due = __atomic_load_n(&dom->due, __ATOMIC_SEQ_CST);
		uint64_t first = UINT64_MAX;

		for (unsigned i = 0; i < s->slots_used && i < SLOT_COUNT; i++) {
			const struct slot *slot = session_slot(s, i);

			if (slot->stream && slot->state != SLOT_FREE &&
			    slot->domain_awaited == d + 1 && slot->turn_awaited < first)
				first = slot->turn_awaited;
		}
		if (first == UINT64_MAX || TURN_STREAM(due) || first <= TURN_NUMBER(due) + 1)
			continue;
		if (__atomic_compare_exchange_n(&dom->due, &due, first - 1, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			wake(&dom->bell[first & (DOMAIN_BELL_COUNT - 1)]);
			return true;
		}
	}
	return false;
}
