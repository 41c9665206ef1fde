/*
 * The turns of domains on replay (what they are: preload/recorder/domain.c). A process that
 * arrives at a crossing and finds DOMAIN events at its stream's head had given these
 * domains away there: it passes them on and waits until the turns are due that the events
 * name. Who ends passes them on, too; for those that die in program code, the supervisor does
 * (tools/domains.c).
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include "replay.h"

enum {
	SPINS = 1000,
	VAIN_MAX = 4,
	PAUSE_TURNS = 64,
};

static struct domain *domain_at(unsigned d)
{
	return &RT->session->domains[d];
}

static void pass_on(unsigned d)
{
	struct domain *dom = domain_at(d);
	unsigned next = (RT->domain_turn[d] + 1) & (DOMAIN_BELL_COUNT - 1);

	if (!(RT->domains_held >> d & 1))
		return;
	RT->domains_held &= ~(1u << d);
	/* a turn is due when the one before it is the last finished */
	__atomic_store_n(&dom->due, RT->domain_turn[d], __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&dom->sleeps[next], __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&dom->sleeps[next], 0, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&dom->bell[next], 1, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, &dom->bell[next], FUTEX_WAKE, 0x7fffffff);
}

static uint32_t own_cpu(void)
{
	uint32_t aux = 0;

	tsc_read(&aux);
	return aux + 1;
}

/* Most turns are shorter than two switches of processes: look on for as long as some take, unless
 * it is this processor that they need. Where that was in vain again and again, not for a while. */
static bool due_soon(const struct domain *dom, uint64_t turn)
{
	uint32_t cpu = own_cpu();

	if (RT->domain_vain >= VAIN_MAX && ++RT->domain_vain < VAIN_MAX + PAUSE_TURNS)
		return false;
	if (RT->domain_vain >= VAIN_MAX)
		RT->domain_vain = 0;
	for (unsigned n = 0; n < SPINS; n++) {
		uint64_t due = __atomic_load_n(&dom->due, __ATOMIC_ACQUIRE);

		if (due == turn - 1 || TURN_NUMBER(due) >= turn) {
			RT->domain_vain = 0;
			return true;
		}
		if (TURN_STREAM(due) && dom->cpu == cpu)
			return false;
		__builtin_ia32_pause();
	}
	RT->domain_vain++;
	return false;
}

static void await(struct thread *t, unsigned d, uint64_t turn)
{
	struct domain *dom = domain_at(d);
	unsigned at = turn & (DOMAIN_BELL_COUNT - 1);
	struct session *s = RT->session;
	/* the bell is rung for us; where many wait, each looks for itself but seldom */
	unsigned long step_ms = 20 * (1 + s->slots_used / 32);
	struct k_timespec step = {0, (step_ms < 900 ? step_ms : 900) * 1000 * 1000};
	bool sleeps = false;

	for (;;) {
		uint32_t rung = __atomic_load_n(&dom->bell[at], __ATOMIC_SEQ_CST);
		uint64_t due = turn - 1;

		if (sleeps)
			__atomic_store_n(&dom->sleeps[at], 1, __ATOMIC_SEQ_CST);
		if (__atomic_compare_exchange_n(&dom->due, &due,
						TURN_OF(t->slot->stream, turn), false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			break;
		if (TURN_NUMBER(due) >= turn)
			diverge(t, DIVERGED_OTHER, -1, NULL,
				"another process has had this one's turn");
		if (!sleeps) { /* if need be, once more with the bell to be rung for us */
			sleeps = !due_soon(dom, turn);
			continue;
		}
		halt_if_over(s);
		t->slot->turn_awaited = turn;
		t->slot->domain_awaited = d + 1;
		__atomic_store_n(&t->slot->waits_seq, WAITS_DOMAIN, __ATOMIC_SEQ_CST);
		dj_raw(SYS_futex, &dom->bell[at], FUTEX_WAIT, rung, &step);
	}
	dom->cpu = own_cpu();
	t->slot->domain_awaited = 0;
	t->slot->waits_seq = 0;
	RT->domain_turn[d] = turn;
	RT->domains_held |= 1u << d;
	if (!RT->catch_faults)
		signals_catch_faults(t);
}

struct event domains_peek(struct thread *t)
{
	for (;;) {
		struct event ev = head_peek(t);
		uint64_t turn[DOMAIN_COUNT];
		unsigned due;

		if (ev.id != TF_EV_DOMAIN)
			return ev;
		due = head_take_domains(t, turn);
		/* all first: others may need one for another one's turn */
		for (unsigned d = 0; d < DOMAIN_COUNT; d++)
			if (due >> d & 1)
				pass_on(d);
		for (unsigned d = 0; d < DOMAIN_COUNT; d++)
			if (due >> d & 1)
				await(t, d, turn[d]);
	}
}

void boundary_fatal(struct thread *t)
{
	if (RT->domains_held)
		futex_robust_end(t);
}

void domains_leave(struct thread *t)
{
	boundary_fatal(t);
	for (unsigned d = 0; d < DOMAIN_COUNT; d++)
		pass_on(d);
}

void domains_depart(void)
{
	for (unsigned d = 0; d < DOMAIN_COUNT; d++)
		pass_on(d);
}

/* Recording only: here turns come from the stream. */
void boundary_domains_give(struct thread *t, bool hand)
{
}

void boundary_domains_take(struct thread *t)
{
}

bool boundary_domains_wanted(void)
{
	return false;
}
