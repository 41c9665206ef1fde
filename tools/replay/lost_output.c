/*
 * See lost_output.h. Called by the supervisor of a replay; looks at what the processes have
 * written into their slots.
 */
#include "tools/domains.h"
#include "tools/replay/lost_output.h"

bool lost_output_possible(const struct playback *p)
{
	bool possible = !p->header->complete;

	for (size_t i = 0; i < p->stream_count; i++)
		possible |= p->streams[i].truncated ||
			    (p->streams[i].process && !p->streams[i].process->complete);
	return possible;
}

static bool child_runs(struct session *shared, int32_t pid)
{
	for (unsigned i = 0; i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(shared, i);

		if (slot->pid == pid && !slot_is_outlived(slot) &&
		    (slot->state == SLOT_CLAIMED || slot->state == SLOT_RUNNING))
			return true;
	}
	return false;
}

/* The exchange at the end fails if meanwhile somebody was released, by another's output. */
void lost_output_skip(struct playback *p)
{
	struct session *shared = p->session.shared;
	uint64_t now = __atomic_load_n(&shared->output_seq, __ATOMIC_SEQ_CST), next = WAITS_DOMAIN;

	for (unsigned i = 0; i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(shared, i);
		uint64_t seq = __atomic_load_n(&slot->waits_seq, __ATOMIC_SEQ_CST);

		if (slot->state == SLOT_FREE || !slot->stream)
			continue;
		if (!slot->live_pid || slot->state == SLOT_ENDED || !seq)
			return;
		if ((seq & WAITS_CHILD) && !child_runs(shared, (int32_t)seq))
			return;
		if (seq == WAITS_DOMAIN && domain_turn_due(shared, slot))
			return;
		if (seq < next)
			next = seq;
	}
	if (p->external_left && p->external_seq && p->external_seq < next)
		next = p->external_seq;
	if (domains_skip(shared))
		return;
	if (next == WAITS_DOMAIN || now + 1 >= next)
		return;
	__atomic_compare_exchange_n(&shared->output_seq, &now, next - 1, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	session_wake((uint32_t *)&shared->output_seq);
}
