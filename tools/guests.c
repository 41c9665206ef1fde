/*
 * See guests.h.
 */
#include "tools/guests.h"
#include "tools/session.h"

/* It is another program now, which has a slot of its own. */
static bool came_up(struct session *s, const struct slot *maker, int32_t pid)
{
	for (unsigned i = 0; i < s->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(s, i);

		if (slot != maker && slot->state == SLOT_RUNNING && slot->pid == pid)
			return true;
	}
	return false;
}

bool guests_live(struct session *s, const struct slot *slot, bool coming, bool (*lives)(void *, pid_t),
		 void *arg)
{
	for (uint32_t i = 0; i < slot->guests_used && i < GUEST_COUNT; i++) {
		int32_t guest = __atomic_load_n(&slot->guest[i], __ATOMIC_SEQ_CST);
		pid_t pid = guest < 0 ? -guest : guest;

		if (guest == GUEST_COMES && coming)
			return true;
		if (!guest || guest == GUEST_COMES || (guest < 0 && came_up(s, slot, pid)))
			continue;
		if (lives ? lives(arg, pid) : session_pid_lives(pid))
			return true;
	}
	return false;
}
