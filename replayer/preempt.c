/*
 * Forced preemption on replay. When the next event says that this thread was stopped in
 * program code, a breakpoint is planted there (stub.c); whenever the thread comes by in what
 * may be the recorded state, all of it is compared, until it is there. Only one thread runs
 * at a time, so that the breakpoint is seen by nobody else.
 */
#include <sys/syscall.h>
#include "replay.h"
#include "preempt.h"
#include "preload/patch.h"

#define FAR_LEN (DJ_END - DJ_PRIVATE)

void preempt_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc);

/* The fields of the event at `in`, of `count`, behind dt, into the state. */
static bool take_place(struct tf_in *in, uint32_t count)
{
	struct preempt_state *s = PREEMPT;
	const uint8_t *bytes;
	uint32_t len;

	s->word_count = s->area_count = s->place_waits = 0;
	s->place_code.len = 0;
	bytes = tf_get_bytes(in, &len);
	if (in->bad || len != sizeof(s->place))
		return false;
	dj_copy(&s->place, bytes, len);
	if (count < 4)
		return true; /* as older recordings have it */
	bytes = tf_get_bytes(in, &len);
	if (in->bad || len > sizeof(s->words))
		return false;
	dj_copy(s->words, bytes, len);
	s->word_count = len / (uint32_t)sizeof(s->words[0]);
	bytes = tf_get_bytes(in, &len);
	if (in->bad || len > sizeof(s->areas))
		return false;
	dj_copy(s->areas, bytes, len);
	s->area_count = len / (uint32_t)sizeof(s->areas[0]);
	if (s->area_count && s->areas[0].addr == s->place.reg[PREEMPT_RIP]) {
		if (s->areas[0].len > PREEMPT_CODE_LEN)
			return false;
		s->place_code = s->areas[0];
		s->areas[0] = s->areas[--s->area_count];
	}
	if (count > 4)
		s->place_waits = (uint32_t)tf_get_int(in);
	return !in->bad;
}

/* The address is the recording's word, and is written to: nothing of ours may be there, or
 * among what a jump covers. (Where nothing is mapped, planting fails.) */
static bool is_ours(uint64_t addr)
{
	const struct preempt_state *s = PREEMPT;

	return addr + COVER_ROOM - DJ_PRIVATE < FAR_LEN + COVER_ROOM ||
	       (addr + COVER_ROOM > s->object_from && addr < s->object_to);
}

void preempt_come_back(struct thread *t)
{
	PREEMPT->stands = true;
	if (!stub_plant() && !stub_plant_trap())
		diverge(t, DIVERGED_OTHER, -1, NULL,
			"a thread was stopped in a computation, in code that is not here");
}

static void unplant(void)
{
	if (RT->code_watched)
		fresh_end();
	else
		stub_remove();
}

/* uc: of the handler that we are in, or NULL at a crossing. */
static void plant(struct thread *t, struct k_ucontext *uc)
{
	struct preempt_state *s = PREEMPT;
	uint64_t unblock = BREAK_SIGNALS, mask = 0;

	s->visit_count = s->near_count = s->near_addr = 0;
	s->last_area = 0;
	dj_zero(s->readable, sizeof(s->readable));
	s->near_what = "nothing";
	if (is_ours(s->place.reg[PREEMPT_RIP]))
		diverge(t, DIVERGED_OTHER, -1, NULL,
			"a thread was stopped in a computation, at an address that is not the "
			"program's");
	RT->break_addr = s->place.reg[PREEMPT_RIP];
	preempt_take_trap(preempt_handler);
	if (uc) {
		mask = uc->mask;
		uc->mask &= ~unblock;
	} else {
		dj_raw(SYS_rt_sigprocmask, 1, &unblock, &mask, 8);
	}
	s->was_blocked = mask & unblock;
	if (s->place_code.len && !RT->session->hold_stream) /* a debugger takes such signals for its own */
		fresh_watch(t);
	else
		preempt_come_back(t);
}

static void look(struct thread *t, struct k_ucontext *uc)
{
	int64_t tid;
	struct event ev = head_look(&tid);

	if (ev.id != TF_EV_PREEMPT || tid != t->tid)
		return;
	tf_get_int(&ev.in); /* dt */
	if (!take_place(&ev.in, ev.count))
		diverge(t, DIVERGED_UNDECODABLE, -1, NULL, "a forced stop");
	plant(t, uc);
}

void preempt_look(struct thread *t)
{
	look(t, t->interrupted);
}

void preempt_forget(void)
{
	uint64_t block = PREEMPT->was_blocked;

	if (!RT->break_addr)
		return;
	unplant();
	RT->break_addr = 0;
	signals_install(SIGTRAP_NR);
	dj_raw(SYS_rt_sigprocmask, 0, &block, 0, 8);
}

bool preempt_make_way(void)
{
	if (!RT->break_addr || !PREEMPT->stub)
		return false;
	stub_remove();
	return true;
}

/* --- is it there? --- */

/* The dynamic linker leaves pointers into our object in registers, too, where it has looked up a
 * function: another object here. */
static bool is_same(uint64_t here, uint64_t recorded)
{
	return here == recorded || (preempt_is_internal(here) && preempt_is_internal(recorded));
}

/* The first part of the state that is not as recorded, as stub.c numbers them; -1: not one
 * of those. */
static bool matches(struct k_mcontext *mc, int *differs)
{
	struct preempt_state *s = PREEMPT;
	const uint64_t *reg = (const uint64_t *)mc;
	uint64_t value;

	s->visit_count++;
	for (int i = 0; i < PREEMPT_REG_COUNT; i++)
		if (!is_same(reg[i], s->place.reg[i])) {
			*differs = i;
			return false;
		}
	for (uint32_t i = 0; i < s->word_count; i++) {
		if (s->readable[i])
			value = *(const uint64_t *)s->words[i].addr;
		else if (preempt_word_read(mc, s->words[i].addr, &value))
			s->readable[i] = s->words[i].addr >= WORD_LAST;
		else
			value = ~s->words[i].value;
		if (value != s->words[i].value) {
			*differs = (int)(PREEMPT_REG_COUNT + i);
			s->near_what = "a word of memory";
			s->near_addr = s->words[i].addr;
			s->near_value = value;
			s->near_wanted = s->words[i].value;
			return false;
		}
	}
	*differs = -1;
	s->near_addr = 0;
	s->near_count++;
	s->near_what = "the stack";
	if (s->place.stack_digest != preempt_stack_digest(mc))
		return false;
	s->near_what = "the memory that registers point at";
	if (s->place.memory_digest && s->place.memory_digest != preempt_memory_digest(mc))
		return false;
	for (uint32_t n = 0; n < s->area_count; n++) {
		uint32_t i = (s->last_area + n) % s->area_count;
		const struct preempt_area *a = &s->areas[i];

		s->near_what = a->addr == s->data_from ? "the executable's data"
						       : "the memory around";
		if (!preempt_area_digest(a->addr, a->len, &value) || value != a->digest) {
			s->last_area = i;
			return false;
		}
	}
	return true;
}

/* As the recorder did at this stop. */
static void plant_wait(struct thread *t, uint64_t pc)
{
	uint32_t len = PREEMPT->place_waits;
	struct oracle_loop loop;

	if (len && !(oracle_loop_at(pc, &loop) && loop.len == len && oracle_plant_loop(pc, &loop)))
		diverge(t, DIVERGED_OTHER, -1, NULL,
			"where a thread waits, a place at which its turns end cannot be made");
}

/* It is where it was stopped: what was next then is next now. */
static void arrived(struct thread *t, struct k_ucontext *uc)
{
	struct k_siginfo info;
	struct event ev;

	unplant();
	RT->break_addr = 0;
	signals_install(SIGTRAP_NR);
	uc->mask |= PREEMPT->was_blocked;
	ev = head_peek(t);
	if (ev.id != TF_EV_PREEMPT)
		diverge(t, DIVERGED_OTHER, -1, NULL, "a forced stop is not at the head");
	plant_wait(t, uc->mc.rip);
	t->interrupted = uc;
	head_take(t, &ev);
	if (boundary_next_signal(t, 0, &info)) {
		signals_enter(t, &info, uc);
	} else {
		turn_wait_any(t);
		uc->mc.rip = trap_resume_rip(uc->mc.rip);
	}
	t->interrupted = NULL;
}

/* False: the trap is none of ours. uc: behind it. */
static bool trapped(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	int differs;

	if (RT->code_watched && fresh_stepped(t, info, uc))
		return true;
	switch (RT->break_addr && PREEMPT->stands ? stub_meets(uc, info) : STUB_FOREIGN) {
	case STUB_FOREIGN:
		return false;
	case STUB_WENT_ON:
		return true;
	case STUB_VISIT:
		break;
	}
	if (matches(&uc->mc, &differs))
		arrived(t, uc);
	else
		stub_go_on(uc, differs);
	return true;
}

void preempt_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc)
{
	struct thread *t = dj_self();

	if (trapped(t, info, uc))
		return;
	if (t->actions->action[SIGTRAP_NR].handler == 0 && info->code > 0)
		signals_die(SIGTRAP_NR);
	signal_handler(signo, info, uc);
}

bool boundary_own_fault(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	if (info->signo == SIGSEGV_NR && RT->code_watched && fresh_written(uc))
		return true;
	if (info->signo == SIGILL_NR && RT->session->hold_stream) {
		uc->mc.rip++; /* as an int3 would have it */
		if (trapped(t, info, uc))
			return true;
		uc->mc.rip--;
	}
	return debug_shows(info->signo, uc->mc.rip);
}

void preempt_missed(struct thread *t, long nr, const unsigned long args[6])
{
	struct preempt_state *s = PREEMPT;
	char text[320] = "", *p = text, *end = text + 240;

	if (!s->stands)
		diverge(t, DIVERGED_OTHER, nr, args,
			"a thread was to be stopped in a computation before this, in code that it has not made");
	p = dj_put_text(p, end, "a thread was to be stopped in a computation before this; it came "
				"by ");
	p = dj_put_dec(p, (int64_t)s->visit_count);
	p = dj_put_text(p, end, " times in what looked like that state, ");
	p = dj_put_dec(p, (int64_t)s->near_count);
	p = dj_put_text(p, end, " times very much so, but for ");
	p = dj_put_text(p, end, s->near_what ? s->near_what : "nothing");
	if (s->near_addr) {
		p = dj_put_hex(dj_put_text(p, end, " at "), s->near_addr);
		p = dj_put_hex(dj_put_text(p, end, ", "), s->near_value);
		p = dj_put_hex(dj_put_text(p, end, " instead of "), s->near_wanted);
	}
	*p = 0;
	diverge(t, DIVERGED_OTHER, nr, args, text);
}
