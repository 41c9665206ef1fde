/*
 * The recorder: stopping a thread in the middle of program code. Requests come from a
 * thread that waits for the token (sched.c), or from a timer that is set when a signal
 * was caught outside of any crossing.
 *
 * The thread is stepped, instruction by instruction, until it comes to one where the replay can
 * stop it well; meanwhile the memory that it works on is noted (preload/preempt.h). Runs in signal
 * handlers, with all signals blocked; the stepped thread holds the token.
 */
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include "record.h"
#include "preload/preempt.h"
#include "preload/patch.h"
#include "areas.h"

enum {
	/* what is taken for a place, after so many steps: */
	STEPS_WINDOW = 32, /* one that is rare, where a jump covers one instruction */
	STEPS_OFTEN = 64,  /* or one that is not rare; or one where it covers several */
	STEPS_ANY = 96,	   /* or both */
	STEPS_LAST = 400,  /* any */
	SPIN_PAUSES = 2, /* of a loop that pauses so often all is known: it waits, and not for long */
	RARE_VISITS = 2,
	TOUCHED_MAX = 64,   /* words of memory noted */
	POINTER_WORDS = 5,  /* words from there on */
	FXSAVE_VECTORS = 160,
	STOPS_LOOKED_AT = 16,
	STARVED_NS = 50 * 1000, /* between crossings, of a thread that is to be stopped for one who starves */
	MUCH_MEMORY = 4096, /* pages */
	COUNT_MAX = 64, /* that a register which counts rounds moves in one */
	CODE_KERNEL = 0x80, /* si_code of an int3 */
};

struct k_sigevent {
	uint64_t value;
	int32_t signo, notify, tid;
	uint8_t rest[44];
};
struct k_itimerspec {
	struct k_timespec interval, value;
};

void probe_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc);

/* --- what the computation works on --- */

static void note_word(const struct k_mcontext *mc, uint64_t addr)
{
	struct preempt_state *s = PREEMPT;
	struct preempt_word *w = &s->words[s->word_count];

	addr &= ~7ull;
	if (s->word_count >= TOUCHED_MAX || !areas_may_tell(mc, addr))
		return;
	for (uint32_t i = 0; i < s->word_count; i++)
		if (s->words[i].addr == addr)
			return;
	if (preempt_word_read(mc, addr, &w->value)) {
		w->addr = addr;
		s->word_count++;
	}
}

/* The memory that the next instruction names. */
static void note_instruction(const struct k_mcontext *mc, const struct insn *in,
			     const uint8_t *code)
{
	uint64_t addr;

	if (insn_address(in, code, mc->rip, mc, &addr)) {
		note_word(mc, addr);
		note_word(mc, addr + 7);
	}
	if (in->string) {
		note_word(mc, mc->rsi);
		note_word(mc, mc->rdi);
	}
}

static void add_word(const struct k_mcontext *mc, uint64_t addr)
{
	struct preempt_state *s = PREEMPT;
	struct preempt_word *w = &s->words[s->word_count];

	if (s->word_count < PREEMPT_WORD_MAX && preempt_word_read(mc, addr, &w->value) &&
	    !preempt_is_internal(w->value)) {
		w->addr = addr;
		s->word_count++;
	}
}

/* The noted words with their values now, those that changed first; then vectors that changed,
 * the flags, and the stack. */
static void collect_words(const struct k_mcontext *mc, const struct flights *others)
{
	struct preempt_state *s = PREEMPT;
	const uint64_t *reg = (const uint64_t *)mc;
	uint32_t changed = 0;

	for (uint32_t i = 0; i < s->word_count; i++) {
		struct preempt_word *w = &s->words[i], before = *w;

		if (!areas_may_tell(mc, w->addr) || !preempt_word_read(mc, w->addr, &w->value) ||
		    preempt_is_internal(w->value)) {
			*w = s->words[--s->word_count];
			i--;
		} else if (w->value != before.value) {
			struct preempt_word now = *w;

			*w = s->words[changed];
			s->words[changed++] = now;
		}
	}
	for (unsigned i = 0; i < 32 && mc->fpstate; i++)
		if (dj_compare(s->start_vectors + 8 * i,
			       (const void *)(mc->fpstate + FXSAVE_VECTORS + 8 * i), 8))
			add_word(mc, WORD_VECTOR + i);
	add_word(mc, WORD_FLAGS);
	if (dj_self()->pauses)
		add_word(mc, WORD_PAUSES);
	for (unsigned i = 0; i < STACK_WORDS; i++)
		add_word(mc, (mc->rsp & ~7ull) + 8 * i);
	for (unsigned i = 0; i < POINTER_COUNT && !others->unknown; i++)
		for (unsigned k = 0; k < POINTER_WORDS; k++) {
			uint64_t at = (reg[i] & ~7ull) + 8 * k;

			if (areas_may_tell(mc, at) && !areas_on_own_stack(mc, at) &&
			    !flights_touch(others, at, 8) && !flights_garbage(others, at, 8))
				add_word(mc, at);
		}
}

/* --- what the recording says of it --- */

/* Resident memory of this process that is no file's, in pages; 0: not known. */
static uint64_t own_pages(void)
{
	uint64_t field[3] = {0};
	unsigned at = 0;
	char text[96];
	long fd, n;

	fd = RT->sandboxed ? -1 : dj_raw(SYS_open, "/proc/self/statm", O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	n = dj_raw(SYS_read, fd, text, sizeof(text));
	dj_raw(SYS_close, fd);
	for (long i = 0; i < n && at < 3; i++)
		if (text[i] == ' ')
			at++;
		else
			field[at] = field[at] * 10 + (uint64_t)(text[i] - '0');
	return at == 3 && field[1] > field[2] ? field[1] - field[2] : 0; /* resident, of files */
}

/* Much of what such a process computes with is not compared. Asked at its first stops. */
static void tell_of_memory(struct thread *t)
{
	if (PREEMPT->stops_looked_at >= STOPS_LOOKED_AT)
		return;
	PREEMPT->stops_looked_at++;
	if (own_pages() < MUCH_MEMORY)
		return;
	PREEMPT->stops_looked_at = STOPS_LOOKED_AT;
	record_note(t->slot, TF_NOTE_REMARK "a thread was stopped in a computation with much memory, by part "
			     "of which alone the place is told: a replay may take a moment that looks the same");
}

/* A replay waits for code that is made in the turn in which it is stopped, but not where it is written at another
 * address (replayer/fresh.c). */
static void tell_of_code(struct thread *t, uint64_t pc)
{
	if (PREEMPT->shared_code_told || !record_is_shared(pc, 1))
		return;
	PREEMPT->shared_code_told = 1;
	record_note(t->slot, TF_NOTE_REMARK "a thread was stopped in code that lies in shared memory: if it was made "
			     "just before by way of another mapping, a replay does not find the place");
}

/* --- the event --- */

/* Where the thread is stopped in a loop that waits. Returns the length of the loop's end, or 0. */
static unsigned plant_wait(uint64_t pc)
{
	struct oracle_loop loop;

	/* code that a program makes it may move, or make anew (a virtual machine's) */
	return pc == PREEMPT->wait_at && maps_is_text(pc) && oracle_loop_at(pc, &loop) &&
			       oracle_plant_loop(pc, &loop)
		       ? loop.len
		       : 0;
}

static void emit_place(struct thread *t, const struct k_mcontext *mc)
{
	struct preempt_state *s = PREEMPT;
	struct slot *slot = t->slot;
	uint8_t buf[32], *p = buf;
	struct flights others;
	unsigned waits;

	preempt_place_of(mc, &s->place);
	flights_find(&others, t);
	collect_words(mc, &others);
	areas_collect(mc, &others);
	if (!others.unknown)
		reach_collect(mc, &others);
	record_thread_switch(t);
	tell_of_memory(t);
	tell_of_code(t, mc->rip);
	waits = plant_wait(mc->rip);
	p = tf_put_array(p, waits ? 6 : 5);
	p = tf_put_uint(p, TF_EV_PREEMPT);
	p = tf_put_uint(p, (uint64_t)record_dt(slot, dj_now()));
	p = tf_put_bin(p, sizeof(s->place));
	ring_put(slot, buf, (size_t)(p - buf));
	ring_put(slot, &s->place, sizeof(s->place));
	p = tf_put_bin(buf, s->word_count * (uint32_t)sizeof(s->words[0]));
	ring_put(slot, buf, (size_t)(p - buf));
	ring_put(slot, s->words, s->word_count * sizeof(s->words[0]));
	p = tf_put_bin(buf, s->area_count * (uint32_t)sizeof(s->areas[0]));
	ring_put(slot, buf, (size_t)(p - buf));
	ring_put(slot, s->areas, s->area_count * sizeof(s->areas[0]));
	if (waits)
		ring_put(slot, buf, (size_t)(tf_put_uint(buf, waits) - buf));
	ring_commit(slot);
}

/* --- stepping --- */

/* Has the thread asked to stop after so long. */
static void stop_after(struct thread *t, int64_t ns)
{
	struct k_itimerspec when = {.value = {0, ns}};

	if (!t->force_timer_made) {
		struct k_sigevent ev = {
			.value = PREEMPT_VALUE,
			.signo = SIGSYS_NR,
			.notify = 4, /* SIGEV_THREAD_ID */
			.tid = t->live_tid,
		};

		if (dj_raw(SYS_timer_create, 1 /* CLOCK_MONOTONIC */, &ev, &t->force_timer))
			return;
		t->force_timer_made = true;
	}
	dj_raw(SYS_timer_settime, t->force_timer, 0, &when, 0);
	t->force_timer_runs = true;
}

void boundary_signal_waits(struct thread *t)
{
	stop_after(t, PREEMPT_AFTER_NS);
}

/* It is in a crossing, or has come to one while it was stepped. */
static void stop_later(struct thread *t)
{
	if (t->pending)
		boundary_signal_waits(t);
	else if (RT->pause_starves && sched_wanted(t)) /* its crossings are short */
		stop_after(t, STARVED_NS + dj_now() % STARVED_NS);
}

void record_signal_waits_no_more(struct thread *t)
{
	struct k_itimerspec never = {0};

	if (t->force_timer_runs)
		dj_raw(SYS_timer_settime, t->force_timer, 0, &never, 0);
	t->force_timer_runs = false;
}

enum { CODE_LEN = INSN_MAX_LEN + 1 };

/* The instruction that the thread is about to execute; all zeros where it cannot be decoded. */
static void decode_next(const struct k_mcontext *mc, uint8_t code[CODE_LEN], struct insn *in)
{
	size_t left = 4096 - (mc->rip & 4095);

	if (dj_read_user(code, (const void *)mc->rip, CODE_LEN) && insn_decode(code, CODE_LEN, in))
		return;
	*in = (struct insn){0};
	if (left < CODE_LEN && dj_read_user(code, (const void *)mc->rip, left))
		insn_decode(code, left, in);
}

static void probe_begin(struct thread *t, struct k_ucontext *uc)
{
	struct preempt_state *s = PREEMPT;
	uint8_t code[CODE_LEN] = {0};
	struct insn in;

	if (uc->mc.eflags & TRAP_FLAG)
		return; /* the program steps itself */
	preempt_take_trap(probe_handler);
	s->blocked = uc->mask & SIG_BIT(SIGTRAP_NR);
	s->steps = 0;
	s->word_count = s->sent_count = 0;
	s->used_stack = s->waits = s->counts = false;
	s->wait_at = 0;
	s->pauses = 0;
	dj_zero(s->visits, sizeof(s->visits));
	dj_copy(s->start_reg, &uc->mc, sizeof(s->start_reg));
	dj_zero(s->start_vectors, sizeof(s->start_vectors));
	if (uc->mc.fpstate)
		dj_copy(s->start_vectors, (const void *)(uc->mc.fpstate + FXSAVE_VECTORS),
			sizeof(s->start_vectors));
	decode_next(&uc->mc, code, &in); /* the first trap comes behind it */
	note_instruction(&uc->mc, &in, code);
	uc->mask &= ~SIG_BIT(SIGTRAP_NR);
	uc->mc.eflags |= TRAP_FLAG;
	__atomic_store_n(&s->prober, t, __ATOMIC_SEQ_CST);
}

static void probe_end(struct k_ucontext *uc)
{
	struct preempt_state *s = PREEMPT;

	uc->mc.eflags &= ~(uint64_t)TRAP_FLAG;
	if (s->blocked)
		uc->mask |= SIG_BIT(SIGTRAP_NR);
	if (s->blocked && s->prober->held) /* caught meanwhile */
		s->prober->held_mask |= SIG_BIT(SIGTRAP_NR);
	for (uint32_t i = 0; i < s->sent_count; i++) /* it waits on */
		dj_raw(SYS_rt_tgsigqueueinfo, thread_process(s->prober), s->prober->live_tid, SIGTRAP_NR,
		       &s->sent[i]);
	s->sent_count = 0;
	signals_install(SIGTRAP_NR);
	__atomic_store_n(&s->prober, NULL, __ATOMIC_SEQ_CST);
}

void boundary_fatal(struct thread *t)
{
	t->faulted = true;
	if (RT->domains)
		futex_robust_end(t); /* what others find is then the same, whenever they look */
}

bool boundary_own_fault(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	return false;
}

void boundary_dies(int signo)
{
}

void boundary_fault(struct thread *t, struct k_ucontext *uc)
{
	if (PREEMPT->prober == t)
		probe_end(uc);
	if (t->pending)
		boundary_signal_waits(t);
}

/* The thread goes back to where a handler interrupted it: not stepped, since nothing of its state
 * here stays. */
void record_probe_abandon(struct thread *t)
{
	struct k_ucontext none = {0};

	if (PREEMPT->prober == t)
		probe_end(&none);
}

/* A loop that waits for another thread tells so by PAUSE. Stopped at once it costs least, and it
 * comes round too seldom for the place to matter to the replay. */
static bool spins(void)
{
	return PREEMPT->pauses >= SPIN_PAUSES;
}

static bool is_memory_unchanged(const struct k_mcontext *mc)
{
	const struct preempt_state *s = PREEMPT;
	uint64_t value;

	if (!s->steps || s->used_stack ||
	    (mc->fpstate && dj_compare(s->start_vectors, (const void *)(mc->fpstate + FXSAVE_VECTORS),
				       sizeof(s->start_vectors))))
		return false;
	for (uint32_t i = 0; i < s->word_count; i++)
		if (!preempt_word_read(mc, s->words[i].addr, &value) || value != s->words[i].value)
			return false;
	return true;
}

/* All as it was when the stepping began, and no stack was used meanwhile, so that all that was
 * worked on is known: a spin. */
static bool is_unchanged(const struct k_mcontext *mc)
{
	return !dj_compare(PREEMPT->start_reg, mc, sizeof(PREEMPT->start_reg)) && is_memory_unchanged(mc);
}

/* The same but for one register, which counts: it waits for so many rounds at the most. What reads no memory
 * waits for nothing. */
static bool only_counts(const struct k_mcontext *mc)
{
	const struct preempt_state *s = PREEMPT;
	const uint64_t *reg = (const uint64_t *)mc;
	unsigned counters = 0;

	if (mc->rip != s->start_reg[PREEMPT_RIP] || !s->word_count)
		return false;
	for (unsigned i = 0; i < PREEMPT_RIP; i++) {
		if (reg[i] == s->start_reg[i])
			continue;
		if (reg[i] - s->start_reg[i] + COUNT_MAX > 2 * COUNT_MAX)
			return false;
		counters++;
	}
	return counters == 1 && is_memory_unchanged(mc);
}

/* Gives the token away in the middle of program code, or enters the signal's handler. */
static void stop_here(struct thread *t, struct k_ucontext *uc)
{
	struct k_siginfo info;

	if (PREEMPT->pauses)
		record_spun(t);
	else
		t->pause_vain = 0;
	t->spins = PREEMPT->pauses || PREEMPT->counts /* in a loop whose rounds are alike one has been enough */
		   || (PREEMPT->waits && (!PREEMPT->wait_at || PREEMPT->wait_at == uc->mc.rip));
	emit_place(t, &uc->mc);
	RT->pause_starves = false;
	if (t->pending) {
		if (boundary_next_signal(t, 0, &info))
			signals_enter(t, &info, uc);
		return;
	}
	t->interrupted = uc;
	sched_release(t);
	sched_acquire(t);
	t->interrupted = NULL;
	record_runs(t);
	t->pause_pos = t->slot->pos;
	uc->mc.rip = trap_resume_rip(uc->mc.rip); /* patched meanwhile? */
}

/* Where rip is counted; its place is free (rip 0) if the thread has not come there since it is stepped. */
static struct preempt_visit *visits_of(uint64_t rip)
{
	struct preempt_state *s = PREEMPT;
	size_t room = sizeof(s->visits) / sizeof(s->visits[0]);
	size_t i = rip * 0x9e3779b97f4a7c15ull >> 55;

	while (s->visits[i].rip && s->visits[i].rip != rip)
		i = (i + 1) % room;
	return &s->visits[i];
}

/* How often the thread has come to rip since it is stepped, this time included. */
static uint32_t visit(uint64_t rip)
{
	struct preempt_visit *v = visits_of(rip);

	v->rip = rip;
	return ++v->count;
}

static bool was_at(uint64_t rip)
{
	return visits_of(rip)->rip;
}

/* Whether the replay can have a jump there. */
static bool has_room(uint64_t at, const struct preempt_cover *cover)
{
	unsigned n = 0;
	uint64_t entry = preempt_map_stub(at, cover, INT3, &n);

	if (entry)
		preempt_unmap_stub(entry);
	return entry;
}

/*
 * A loop whose rounds change nothing waits for another thread, as one with PAUSE does. Stopped by force in
 * each of its turns, after it has used that up, threads that meet in such loops would crawl. So the loop
 * gets what PAUSE has (preload/oracles.c): a place where the turn ends at once, told by counting, on its way back.
 * That takes an instruction near its end that a jump can replace alone: others may be stopped between two.
 * Of the ways back that were taken in a round the outermost.
 */
static uint64_t choose_wait(void)
{
	const struct preempt_state *s = PREEMPT;
	uint64_t best = 0, best_to = UINT64_MAX;
	struct oracle_loop loop;

	/* alone, it waits for a signal: a replay finds that at its first round, and would have to count them all */
	if (record_alone() || s->word_count == TOUCHED_MAX)
		return 0;
	for (size_t i = 0; i < sizeof(s->visits) / sizeof(s->visits[0]); i++) {
		uint64_t rip = s->visits[i].rip;

		if (!rip || oracle_at(rip) || !oracle_loop_at(rip, &loop) || !was_at(rip + loop.back_at) ||
		    !was_at(loop.to) || loop.to > best_to || (loop.to == best_to && rip < best))
			continue;
		best = rip;
		best_to = loop.to;
	}
	return best;
}

/* Whether the thread is stopped before this instruction. */
static bool is_good_place(const struct k_mcontext *mc, const struct insn *in, uint32_t visits)
{
	struct preempt_state *s = PREEMPT;
	struct preempt_cover cover;
	bool rare;

	if (in->repeats)
		return false;
	if (!s->waits && is_unchanged(mc)) {
		s->waits = true;
		s->wait_at = choose_wait();
	}
	s->counts = s->counts || only_counts(mc);
	if (s->waits && (!s->wait_at || s->wait_at == mc->rip))
		return true;
	if (in->shows_flags)
		return true;
	if (s->steps < STEPS_WINDOW && !spins())
		return false;
	if (s->steps >= STEPS_LAST)
		return true;
	rare = visits <= RARE_VISITS;
	if ((!rare && s->steps < STEPS_OFTEN && !spins()) || !preempt_cover_at(mc->rip, &cover))
		return false;
	if (cover.count > 1) {
		uint32_t inside = 0;

		for (unsigned i = 1; i < cover.count; i++)
			inside |= 1u << cover.offset[i];
		if ((s->steps < (rare ? STEPS_OFTEN : STEPS_ANY) && !spins()) ||
		    patch_is_jumped_into(mc->rip, inside))
			return false;
	}
	return has_room(mc->rip, &cover);
}

/* A SIGTRAP that is not a step. The program's own disposition is back, or will be: then it
 * comes again, and the program meets it as without us. */
static void give_back(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	struct k_timespec step = {0, 100 * 1000};
	struct k_siginfo again = *info;

	if (PREEMPT->prober == t && PREEMPT->blocked && info->code != CODE_KERNEL &&
	    PREEMPT->sent_count < sizeof(PREEMPT->sent) / sizeof(PREEMPT->sent[0])) {
		PREEMPT->sent[PREEMPT->sent_count++] = *info; /* the stepping goes on */
		return;
	}
	if (PREEMPT->prober == t)
		probe_end(uc);
	while (__atomic_load_n(&PREEMPT->prober, __ATOMIC_SEQ_CST))
		dj_raw(SYS_nanosleep, &step, 0);
	if (info->code == CODE_KERNEL)
		uc->mc.rip--;
	else
		dj_raw(SYS_rt_tgsigqueueinfo, thread_process(t), t->live_tid, SIGTRAP_NR, &again);
}

/* One instruction of a thread that is stepped. */
void probe_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc)
{
	struct thread *t = dj_self();
	struct preempt_state *s = PREEMPT;
	uint8_t code[CODE_LEN];
	struct insn in;

	if (s->prober != t || !preempt_is_step(info, &uc->mc)) {
		give_back(t, info, uc);
		return;
	}
	if (!preempt_in_program(t, &uc->mc)) { /* it crosses by itself */
		probe_end(uc);
		stop_later(t);
		return;
	}
	decode_next(&uc->mc, code, &in);
	if (is_good_place(&uc->mc, &in, visit(uc->mc.rip))) {
		probe_end(uc);
		stop_here(t, uc);
		return;
	}
	if (++s->steps > STEPS_LAST + 16) { /* a long string instruction: another time */
		probe_end(uc);
		if (t->pending)
			boundary_signal_waits(t);
		return;
	}
	if (uc->mc.rsp != s->start_reg[PREEMPT_RSP])
		s->used_stack = true;
	s->pauses += code[0] == 0xf3 && code[1] == 0x90;
	note_instruction(&uc->mc, &in, code);
}

bool boundary_interrupt(struct thread *t, const struct k_siginfo *request,
			struct k_ucontext *uc)
{
	if (!preempt_is_request(request))
		return false;
	if (PREEMPT->prober == t)
		return true;
	if (PREEMPT->prober || !preempt_in_program(t, &uc->mc)) {
		stop_later(t); /* it may be on its way out */
		return true;
	}
	if (RT->passthrough) {
		struct k_siginfo info;

		if (boundary_next_signal(t, 0, &info))
			signals_enter(t, &info, uc);
		return true;
	}
	if (t->pending || sched_wanted(t))
		probe_begin(t, uc);
	return true;
}
