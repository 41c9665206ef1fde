/*
 * The recorder: domains. Processes that share writable memory run program code one at a
 * time, as the threads of one process do: behind the process's own token each of them
 * takes the domain's, and gives it away wherever it gives its own (sched.c). When the
 * token has come from another process, a DOMAIN event says the turn's number. So the
 * order of turns is exact, and every process's stream stays its own. A process in no
 * domain pays nothing.
 *
 * The token is a word in the session. Who gives it away wakes one that waits, but may have
 * it back before that one runs: most calls are shorter than a switch. One that has waited
 * for STARVING_NS is handed it. Whoever waits in vain asks the holder to stop, and the
 * supervisor takes the token from the dead (tools/domains.c): nothing here relies on
 * another process getting from one line to the next.
 *
 * A process can be in several domains; they are taken in their order.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include "record.h"
#include "preload/preempt.h"

enum {
	STARVING_NS = 1000 * 1000,
	STEP_NS = 5 * 1000 * 1000, /* of waiting; then the holder is looked at */
	KILLED_MAX = 64,
	KILLED_NS = 200 * 1000 * 1000,
	SPINS_MIN = 8,
	SPINS_MAX = 128,
	ASKER_STEPS = 20, /* of 1 ms that exec waits for requests under way */
};

static struct domain *domain_at(unsigned d)
{
	return &RT->session->domains[d];
}

/* The slot of the one that waits and comes next after ours, going round; -1: none. */
static int next_waiting(const struct domain *dom)
{
	unsigned used = __atomic_load_n(&RT->session->slots_used, __ATOMIC_RELAXED);

	for (unsigned n = 1; n <= used; n++) {
		unsigned i = (RT->slot_index + n) % used;

		if (__atomic_load_n(&dom->waiting[i], __ATOMIC_SEQ_CST))
			return (int)i;
	}
	return -1;
}

static void ring(int index)
{
	struct slot *slot = session_slot(RT->session, (unsigned)index);

	__atomic_fetch_add(&slot->domain_bell, 1, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, &slot->domain_bell, FUTEX_WAKE, 1);
}

static bool take_free(struct domain *dom, uint32_t me)
{
	uint32_t none = 0;

	return __atomic_compare_exchange_n(&dom->holder, &none, me, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST) ||
	       none == me; /* handed over */
}

/* The holder has not given it away for a whole step: it may never cross by itself. */
static void ask_to_stop(struct domain *dom, uint32_t holder, int64_t since_ns)
{
	struct k_siginfo info = {.signo = SIGSYS_NR, .code = -1};
	uint64_t value = PREEMPT_VALUE;
	uint32_t none = 0;

	if (!__atomic_compare_exchange_n(&dom->asker, &none, RT->slot->stream, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	if (__atomic_load_n(&dom->holder, __ATOMIC_SEQ_CST) == holder &&
	    dom->since_ns == since_ns && dom->pid) {
		dj_copy(info.rest + 8, &value, sizeof(value));
		dj_raw(SYS_rt_tgsigqueueinfo, dom->pid, dom->tid, SIGSYS_NR, &info);
	}
	__atomic_store_n(&dom->asker, 0, __ATOMIC_SEQ_CST);
}

/* The holder's thread as far as it is known: one that was handed the token has not said. */
static int32_t thread_of(const struct domain *dom, uint32_t holder)
{
	unsigned used = __atomic_load_n(&RT->session->slots_used, __ATOMIC_RELAXED);

	for (unsigned i = 0; !dom->pid && i < used; i++)
		if (session_slot(RT->session, i)->stream == holder)
			return session_slot(RT->session, i)->pid;
	return dom->pid ? dom->tid : 0;
}

/*
 * A holder that a tracer or a signal has stopped runs nothing, so its turn can end here: the tracer
 * may be the one that waits, or the one that would let it go on. When that happens, it is in our
 * code, on its way out of a call, as a rule; what is left of its turn belongs to it all the same, and
 * a replay makes it before the next. In between others may have written: the recording says so.
 */
static bool take_from_stopped(struct domain *dom, uint32_t holder)
{
	int32_t tid = thread_of(dom, holder);

	return tid > 0 && sched_is_stopped(tid) &&
	       __atomic_compare_exchange_n(&dom->holder, &holder, 0, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* Where many wait, each looks seldom, so that they do not take the processor from the holder; one of them is
 * always about to. */
static int64_t step_ns(const struct domain *dom)
{
	unsigned used = __atomic_load_n(&RT->session->slots_used, __ATOMIC_RELAXED), waiting = 0;

	for (unsigned i = 0; i < used; i++)
		waiting += dom->waiting[i] != 0;
	return STEP_NS * (1 + waiting / 16);
}

static void wait_for(struct domain *dom, uint32_t me)
{
	struct slot *slot = RT->slot;
	struct k_timespec step = {0, STEP_NS};
	int64_t started = dj_now();

	__atomic_store_n(&dom->waiting[RT->slot_index], me, __ATOMIC_SEQ_CST);
	while (!RT->passthrough) {
		uint32_t bell = __atomic_load_n(&slot->domain_bell, __ATOMIC_SEQ_CST);
		uint32_t woken = me, holder;
		int64_t since_ns = dom->since_ns;
		long r;

		__atomic_store_n(&dom->wanted, 1, __ATOMIC_SEQ_CST);
		__atomic_compare_exchange_n(&dom->woken, &woken, 0, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
		if (take_free(dom, me))
			break;
		holder = __atomic_load_n(&dom->holder, __ATOMIC_SEQ_CST);
		if (dj_now() - started > STARVING_NS)
			__atomic_store_n(&dom->starving, 1, __ATOMIC_SEQ_CST);
		step.nsec = step_ns(dom);
		r = dj_raw(SYS_futex, &slot->domain_bell, FUTEX_WAIT, bell, &step);
		if (r != -ETIMEDOUT)
			continue;
		__atomic_store_n(&dom->woken, 0, __ATOMIC_SEQ_CST); /* it may be dead */
		if (record_supervisor_gone())
			RT->passthrough = 1; /* nobody looks after the dead any more */
		else if (holder && holder == dom->holder && since_ns == dom->since_ns &&
			 !take_from_stopped(dom, holder))
			ask_to_stop(dom, holder, since_ns);
	}
	__atomic_store_n(&dom->waiting[RT->slot_index], 0, __ATOMIC_SEQ_CST);
	/* whoever else has waited as long says so itself */
	__atomic_store_n(&dom->starving, 0, __ATOMIC_SEQ_CST);
	if (RT->passthrough)
		sched_open();
}

/* Most turns are shorter than a switch of processes: look on for about as long as one takes,
 * unless that was in vain before. */
static bool take_soon(struct domain *dom, uint32_t me)
{
	for (unsigned n = 0; n < RT->domain_spins; n++) {
		if (__atomic_load_n(&dom->starving, __ATOMIC_RELAXED) || RT->passthrough)
			return false;
		if (!__atomic_load_n(&dom->holder, __ATOMIC_RELAXED) && take_free(dom, me)) {
			RT->domain_spins = SPINS_MAX;
			return true;
		}
		__builtin_ia32_pause();
	}
	RT->domain_spins = RT->domain_spins > SPINS_MIN ? RT->domain_spins / 2 : SPINS_MIN;
	return false;
}

static void take(struct thread *t, unsigned d)
{
	struct domain *dom = domain_at(d);
	uint32_t me = RT->slot->stream;
	uint64_t number;

	if (__atomic_load_n(&dom->starving, __ATOMIC_SEQ_CST) || !take_free(dom, me)) {
		if (!take_soon(dom, me))
			wait_for(dom, me);
		t->slice_start_ns = dj_now();
	}
	if (RT->passthrough)
		return;
	RT->domains_held |= 1u << d;
	dom->pid = t->vfork_child ? 0 : thread_process(t);
	dom->tid = t->live_tid;
	dom->since_ns = t->slice_start_ns;
	if (turn_is_of(dom->turn, me))
		return;
	/* the number of one who dies before its event is whole is used again */
	number = TURN_NUMBER(dom->turn) + 1;
	__atomic_store_n(&dom->turn, TURN_OF(me, number), __ATOMIC_SEQ_CST);
	record_emit_ints(t->slot, TF_EV_DOMAIN, 2, d, (int64_t)number, 0);
	ring_commit(t->slot);
}

/* hand: one that waits gets it, whoever may come before it. */
static void give(unsigned d, bool hand)
{
	struct domain *dom = domain_at(d);
	uint32_t me = RT->slot->stream, none = 0;
	int next;

	RT->domains_held &= ~(1u << d);
	if (__atomic_load_n(&dom->holder, __ATOMIC_SEQ_CST) != me) {
		if (!RT->passthrough) /* take_from_stopped */
			record_note(RT->slot, "it was stopped while those that it shares memory with went "
					      "on: a replay may miss what they wrote there meanwhile");
		return;
	}
	dom->pid = 0;
	if (hand || __atomic_load_n(&dom->starving, __ATOMIC_SEQ_CST)) {
		next = next_waiting(dom);
		if (next >= 0) {
			uint32_t to = __atomic_load_n(&dom->waiting[next], __ATOMIC_SEQ_CST);

			if (to) {
				__atomic_store_n(&dom->holder, to, __ATOMIC_SEQ_CST);
				ring(next);
				return;
			}
		}
	}
	__atomic_store_n(&dom->holder, 0, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&dom->wanted, __ATOMIC_SEQ_CST) ||
	    __atomic_load_n(&dom->woken, __ATOMIC_SEQ_CST))
		return; /* nobody waits, or it will look */
	__atomic_store_n(&dom->wanted, 0, __ATOMIC_SEQ_CST);
	next = next_waiting(dom);
	if (next < 0)
		return;
	__atomic_store_n(&dom->wanted, 1, __ATOMIC_SEQ_CST);
	__atomic_compare_exchange_n(&dom->woken, &none, dom->waiting[next], false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	ring(next);
}

void boundary_domains_give(struct thread *t, bool hand)
{
	/* what has just been handed over while recording stopped, too */
	uint32_t held = RT->passthrough ? RT->domains : RT->domains_held;

	for (; held; held &= ~(1u << (31 - __builtin_clz(held))))
		give((unsigned)(31 - __builtin_clz(held)), hand);
}

void boundary_domains_take(struct thread *t)
{
	uint32_t wanted;

	/* asked anew each time: recording may have stopped */
	while ((wanted = RT->domains & ~RT->domains_held) && !RT->passthrough)
		take(t, (unsigned)__builtin_ctz(wanted));
}

bool boundary_domains_wanted(void)
{
	for (unsigned d = 0; d < DOMAIN_COUNT; d++)
		if (RT->domains_held >> d & 1 && __atomic_load_n(&domain_at(d)->wanted, __ATOMIC_SEQ_CST) &&
		    next_waiting(domain_at(d)) >= 0)
			return true;
	return false;
}

void record_domains_depart(struct thread *t)
{
	struct k_timespec step = {0, 1000 * 1000};
	uint32_t held = RT->domains_held;

	boundary_domains_give(t, false);
	for (unsigned d = 0; d < DOMAIN_COUNT; d++)
		for (int i = 0; held >> d & 1 && i < ASKER_STEPS &&
				__atomic_load_n(&domain_at(d)->asker, __ATOMIC_SEQ_CST);
		     i++)
			dj_raw(SYS_nanosleep, &step, 0);
}

uint32_t record_domain_choose(void)
{
	struct session *s = RT->session;
	uint32_t d;

	if (RT->domains)
		return (uint32_t)__builtin_ctz(RT->domains);
	d = __atomic_fetch_add(&s->domain_count, 1, __ATOMIC_SEQ_CST);
	if (d < DOMAIN_COUNT)
		return d;
	s->domain_count = DOMAIN_COUNT;
	return DOMAIN_COUNT - 1;
}

void record_domain_join(struct thread *t, uint32_t domain)
{
	if (RT->domains >> domain & 1)
		return;
	boundary_domains_give(t, false); /* they are taken in their order */
	RT->domains |= 1u << domain;
	if (!RT->catch_faults)
		signals_catch_faults(t);
	boundary_domains_take(t);
}

/* Is this process what a kill of `target` means? */
static bool is_target(int target, int32_t pid)
{
	if (pid == RT->live_pid)
		return false;
	if (target > 0)
		return pid == target;
	return target == -1 ||
	       dj_raw(SYS_getpgid, pid) == (target ? -target : dj_raw(SYS_getpgid, 0));
}

long record_domain_kill(long nr, const unsigned long args[6], int target, int signo)
{
	struct session *s = RT->session;
	struct {
		int32_t fd;
		int16_t events, revents;
	} dying[KILLED_MAX];
	struct k_timespec limit = {0, KILLED_NS};
	unsigned n = 0;
	long ret;

	for (unsigned i = 0; signo == 9 && i < s->slots_used && n < KILLED_MAX; i++) {
		const struct slot *slot = session_slot(s, i);
		long fd;

		if (slot->state != SLOT_RUNNING || !is_target(target, slot->pid))
			continue;
		fd = dj_raw(SYS_pidfd_open, slot->pid, 0);
		if (fd < 0)
			continue;
		dying[n].fd = (int32_t)fd;
		dying[n++].events = 1; /* POLLIN */
	}
	ret = dj_raw_wait(nr, args);
	/* the kernel marks their robust locks meanwhile */
	for (unsigned i = 0; i < n; i++) {
		if (!ret)
			dj_raw(SYS_ppoll, &dying[i], 1, &limit, 0, 0);
		dj_raw(SYS_close, dying[i].fd);
	}
	return ret;
}

/* What is ours is not counted. */
static bool is_shared(void *arg, const struct mapping *m)
{
	bool *found = arg;

	*found = (m->flags & MAPPING_SHARED) && (m->flags & MAPPING_WRITE) &&
		 (m->from < DJ_PRIVATE || m->from >= DJ_END);
	return !*found;
}

/* Is memory mapped that a child would share? Where the kernel may not be asked: perhaps. */
static bool shares_memory(void)
{
	bool found = false;

	return !maps_walk(is_shared, &found) || found;
}

void record_domain_fork(struct thread *t)
{
	if (!RT->maps_shared)
		return;
	RT->maps_shared = 0;
	if (!RT->domains && shares_memory())
		record_domain_join(t, record_domain_choose());
}
