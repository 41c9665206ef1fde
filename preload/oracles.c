/*
 * Oracles: the program's own instructions whose results only the processor knows (oracle.h: random
 * numbers, the time stamp counter, the processor's number, CPUID), and PAUSE. Their places in a
 * mapped file are known: the recorder has them from the supervisor, which looks through the file's
 * text once (tools/record/codescan.c), the replayer from the stream. There a jump to a stub stands
 * for the instruction and what follows it, or a short jump to such a one in padding nearby; or, where
 * neither can be, a byte of the opcode is replaced, so that it raises SIGILL. Either way it is made
 * here: the result is an event, which the replay serves. The text has just been mapped: nobody can be
 * in the middle of it. (A loop without PAUSE that is found to wait is changed later: one instruction
 * alone is replaced then, and who else was stopped is before or behind it.)
 *
 * SIGILL is never blocked for the kernel, which would end the process. What the program knows of
 * its mask and its handler stays apart, as with SIGSYS. Any thread, no libc.
 */
#include <sys/syscall.h>
#include "detach.h"
#include "insn.h"
#include "patch.h"
#include "runtime.h"

bool dj_oracle(struct k_mcontext *mc, const struct oracle_site *s);

enum { CODE_OPERAND = 2 /* ILL_ILLOPN: what the kernel says for every invalid opcode */ };
enum {
	STUB_LEN = 80,
	MOVED_LEN = 40,
	LOOP_STUB_LEN = 96,
	BRANCH_LEN = 6, /* moved */
};
enum { FLAG_CF = 1, FLAGS_CLEARED = 0x8d5 /* CF PF AF ZF SF OF */ };

static size_t index_of(uint64_t addr)
{
	return (addr * 0x9e3779b97f4a7c15ull) >> 52 & (ORACLE_SITE_MAX - 1);
}

static struct oracle_site *find(uint64_t addr)
{
	size_t i = index_of(addr);

	for (size_t n = 0; n < ORACLE_SITE_MAX; n++, i = (i + 1) % ORACLE_SITE_MAX) {
		struct oracle_site *s = &RT->oracles[i];

		if (s->addr == addr)
			return s;
		if (!s->addr)
			return NULL;
	}
	return NULL;
}

/* PAUSE's, which are many and may be left out, leave room for what may not. */
static struct oracle_site *find_or_add(uint64_t addr, bool optional)
{
	struct oracle_site *s = find(addr);
	size_t i = index_of(addr);

	if (s)
		return s;
	if (RT->oracle_count >= (optional ? ORACLE_SITE_MAX / 2 : ORACLE_SITE_MAX * 3 / 4))
		return NULL;
	while (RT->oracles[i].addr)
		i = (i + 1) % ORACLE_SITE_MAX;
	if (!RT->oracle_count++ || addr < RT->oracles_from)
		RT->oracles_from = addr;
	if (addr >= RT->oracles_to)
		RT->oracles_to = addr + 1;
	RT->oracles[i].addr = addr;
	return &RT->oracles[i];
}

const struct oracle_site *oracle_at(uint64_t addr)
{
	const struct oracle_site *s = find(addr);

	return s && s->oracle.kind ? s : NULL;
}

static uint8_t *put_rel32(uint8_t *p, uint64_t at, uint64_t target)
{
	int32_t rel = (int32_t)(target - (at + 4));

	dj_copy(p, &rel, 4);
	return p + 4;
}

static bool in_reach(uint64_t from, uint64_t to)
{
	int64_t d = (int64_t)(to - from);

	return d > -0x7fff0000ll && d < 0x7fff0000ll;
}

/* The instructions from[0 ... len), which lie at from_at, for to_at: at most MOVED_LEN bytes. Returns
 * how many, 0: one of them cannot be there. */
static size_t move_code(uint8_t *to, uint64_t to_at, const uint8_t *from, uint64_t from_at,
			size_t len)
{
	uint8_t *p = to;
	struct insn in;

	for (size_t n = 0; n < len; n += in.len) {
		const uint8_t *code = from + n;
		uint64_t at = from_at + n, target;

		if (p - to > MOVED_LEN - INSN_MAX_LEN || !insn_decode(code, len - n, &in) ||
		    in.flow >= INSN_CALL)
			return 0;
		if (in.rel_len) {
			target = insn_target(&in, code, at);
			if (!in_reach(to_at, target))
				return 0;
			if (in.flow == INSN_BRANCH) {
				*p++ = 0x0f;
				*p++ = (uint8_t)(0x80 | (code[in.rel_at - 1] & 15));
			} else {
				*p++ = 0xe9;
			}
			p = put_rel32(p, to_at + (uint64_t)(p - to), target);
			continue;
		}
		dj_copy(p, code, in.len);
		if (in.rip_at) {
			int32_t was;
			int64_t d;

			dj_copy(&was, code + in.rip_at, 4);
			d = was + (int64_t)(at - (to_at + (uint64_t)(p - to)));
			if (d != (int32_t)d)
				return 0;
			dj_copy(p + in.rip_at, &d, 4);
		}
		p += in.len;
	}
	return (size_t)(p - to);
}

/* In a stub: we are called as by the instruction at s->addr. Behind that is s->resume. */
static uint8_t *put_call(struct oracle_site *s, uint8_t *p, const uint8_t *stub, uint64_t at, uint64_t entry)
{
	uint64_t site = (uint64_t)s;

	/* lea -128(%rsp), %rsp; push %rax; movabs $site, %rax; call entry; lea 136(%rsp), %rsp */
	*p++ = 0x48, *p++ = 0x8d, *p++ = 0x64, *p++ = 0x24, *p++ = 0x80;
	*p++ = 0x50;
	*p++ = 0x48, *p++ = 0xb8;
	dj_copy(p, &site, 8);
	p += 8;
	*p++ = 0xe8;
	p = put_rel32(p, at + (uint64_t)(p - stub), entry);
	*p++ = 0x48, *p++ = 0x8d, *p++ = 0xa4, *p++ = 0x24;
	*p++ = 136, *p++ = 0, *p++ = 0, *p++ = 0;
	s->resume = s->seen = at + (uint64_t)(p - stub);
	return p;
}

/*
 * A jump to a stub that calls us as the instruction and then executes what else the jump covers. Who
 * chose the place has seen to it that nobody jumps between these instructions.
 */
static bool plant_jump(struct oracle_site *s, const uint8_t *code, unsigned cover, uint64_t jump_at,
		       bool writable)
{
	uint8_t stub[STUB_LEN], *p = stub, jump[JUMP_LEN] = {0xe9};
	uint64_t entry, at;
	size_t moved;

	at = patch_room(s->addr, sizeof(stub), &entry);
	if (!at)
		return false;
	p = put_call(s, p, stub, at, entry);
	moved = move_code(p, s->resume, code + s->oracle.len, s->addr + s->oracle.len,
			  cover - s->oracle.len);
	if (!moved && cover > s->oracle.len)
		return false;
	p += moved;
	*p++ = 0xe9;
	p = put_rel32(p, at + (uint64_t)(p - stub), s->addr + cover);
	if (!code_write(at, stub, (size_t)(p - stub), false))
		return false;
	if (!dj_read_user(s->original, (const void *)jump_at, sizeof(s->original)))
		return false;
	put_rel32(jump + 1, jump_at + 1, at);
	if (!code_write(jump_at, jump, sizeof(jump), writable))
		return false;
	patch_room_take(at, (size_t)(p - stub));
	if (s->oracle.kind == ORACLE_PAUSE)
		s->seen = s->addr; /* once more does no harm */
	s->cover = (uint8_t)cover;
	return true;
}

static uint64_t pad_of(const struct oracle_site *s)
{
	return oracle_has_pad(s->room) ? s->addr + SHORT_JUMP_LEN + (uint64_t)(int64_t)(int8_t)s->room : 0;
}

/* The jump is in the padding, and the instruction's first two bytes lead there. */
static bool plant_by_pad(struct oracle_site *s, const uint8_t *code, bool writable)
{
	const uint8_t hop[SHORT_JUMP_LEN] = {0xeb, (uint8_t)s->room};

	dj_copy(s->hop_original, code, sizeof(s->hop_original));
	return plant_jump(s, code, s->oracle.len, pad_of(s), writable) &&
	       code_write(s->addr, hop, sizeof(hop), writable);
}

/* PAUSE has no opcode of two bytes to change one of: both become ud2's. */
static bool plant_trap(struct oracle_site *s, const uint8_t *code, bool writable)
{
	const uint8_t trap[2] = {INSN_ESCAPE, INSN_TRAP};
	bool both = s->oracle.kind == ORACLE_PAUSE;

	dj_copy(s->original, code + s->oracle.trap_at, both ? 2 : 1);
	return both ? code_write(s->addr, trap, 2, writable)
		    : code_write(s->addr + s->oracle.trap_at, trap + 1, 1, writable);
}

/* A jump, where s->room says that there is room for one, of the `len` bytes that are known. */
static bool plant_where_room(struct oracle_site *s, const uint8_t *code, size_t len, bool writable)
{
	if (oracle_has_pad(s->room))
		return plant_by_pad(s, code, writable);
	return s->room >= JUMP_LEN && s->room <= len &&
	       plant_jump(s, code, s->room, s->addr, writable);
}

bool oracle_plant(uint64_t addr, unsigned room, bool writable)
{
	uint8_t code[ORACLE_COVER_MAX];
	struct insn_oracle oracle;
	struct oracle_site *s;
	size_t len = sizeof(code), left = 4096 - (addr & 4095);
	bool optional;

	if (!dj_read_user(code, (const void *)addr, len)) {
		len = left < len ? left : len;
		if (!dj_read_user(code, (const void *)addr, len))
			return false;
	}
	if (!insn_is_oracle(code, len, &oracle))
		return false;
	/* a trap costs more than a loop with PAUSE is worth; a replay has it where the recording has */
	optional = oracle.kind == ORACLE_PAUSE && RT->session->mode != SESSION_REPLAY;
	s = find_or_add(addr, optional);
	if (!s)
		return optional;
	s->oracle = oracle;
	s->cover = 0;
	s->room = boundary_has_oracle(oracle.kind) ? (uint16_t)room : 0;
	s->later = room == ORACLE_LATER && !RT->multi && RT->oracles_later_count < ORACLES_LATER_MAX;
	if (s->later) {
		RT->oracles_later[RT->oracles_later_count++] = (uint16_t)(s - RT->oracles);
		return true;
	}
	if (plant_where_room(s, code, len, writable))
		return true;
	if (optional) {
		s->oracle.kind = ORACLE_NONE;
		return true;
	}
	if (plant_trap(s, code, writable))
		return true;
	s->oracle.kind = ORACLE_NONE;
	return false;
}

/* --- loops that wait --- */

/* What is found can be planted: a recorder that tried in vain would have used room for stubs that a replay has not. */
bool oracle_loop_at(uint64_t addr, struct oracle_loop *loop)
{
	uint8_t code[MOVED_LEN + INSN_MAX_LEN];
	size_t room = sizeof(code), left = 4096 - (addr & 4095), at = 0, moved = 0;
	struct insn in;

	if (!dj_read_user(code, (const void *)addr, room)) {
		room = left < room ? left : room;
		if (!dj_read_user(code, (const void *)addr, room))
			return false;
	}
	for (; moved <= MOVED_LEN - INSN_MAX_LEN; at += in.len) {
		if (!insn_decode(code + at, room - at, &in) || in.flow >= INSN_LEAVES || in.repeats ||
		    (!at && in.len < JUMP_LEN))
			return false;
		loop->to = in.rel_len ? insn_target(&in, code + at, addr + at) : UINT64_MAX;
		if (loop->to <= addr) {
			loop->back_at = (uint8_t)at;
			loop->len = (uint8_t)(at + in.len);
			return true;
		}
		if (in.flow == INSN_JUMP)
			return false; /* what follows belongs to others */
		moved += in.flow == INSN_BRANCH ? BRANCH_LEN : in.len;
	}
	return false;
}

/* The first instruction becomes a jump to a copy of the loop's end, where the way back leads by us. So a round
 * that leaves the loop costs nothing but the jump: an instruction of a lock's loop is executed by
 * those who find it free, too. */
static bool plant_loop(struct oracle_site *s, const struct oracle_loop *loop)
{
	uint8_t code[MOVED_LEN + INSN_MAX_LEN], stub[LOOP_STUB_LEN], *p = stub, *branch = NULL, jump[JUMP_LEN] = {0xe9};
	uint64_t entry, at = patch_room(s->addr, sizeof(stub), &entry);
	struct insn back;

	if (!at || !dj_read_user(code, (const void *)s->addr, loop->len) ||
	    !insn_decode(code + loop->back_at, loop->len - loop->back_at, &back) || !in_reach(at, loop->to))
		return false;
	p += move_code(p, at, code, s->addr, loop->back_at);
	if (p == stub && loop->back_at)
		return false;
	if (back.flow == INSN_BRANCH) {
		*p++ = 0x0f;
		*p++ = (uint8_t)(0x80 | (code[loop->back_at + back.rel_at - 1] & 15));
		branch = p;
		p += 4;
		*p++ = 0xe9;
		p = put_rel32(p, at + (uint64_t)(p - stub), s->addr + loop->len);
		put_rel32(branch, at + (uint64_t)(branch - stub), at + (uint64_t)(p - stub));
	}
	p = put_call(s, p, stub, at, entry);
	*p++ = 0xe9;
	p = put_rel32(p, at + (uint64_t)(p - stub), loop->to);
	dj_copy(s->original, code, sizeof(s->original));
	put_rel32(jump + 1, s->addr + 1, at);
	if (!code_write(at, stub, (size_t)(p - stub), false) || !code_write(s->addr, jump, sizeof(jump), false))
		return false;
	patch_room_take(at, (size_t)(p - stub));
	s->seen = loop->to;
	s->cover = loop->len;
	return true;
}

bool oracle_plant_loop(uint64_t addr, const struct oracle_loop *loop)
{
	struct oracle_site *s = find_or_add(addr, RT->session->mode != SESSION_REPLAY);

	if (!s || s->oracle.kind)
		return false;
	s->oracle = (struct insn_oracle){.kind = ORACLE_PAUSE};
	s->room = 0;
	s->later = false;
	if (plant_loop(s, loop))
		return true;
	s->oracle.kind = ORACLE_NONE;
	return false;
}

void oracles_arm(void)
{
	if (!RT->oracles_later_count)
		return;
	code_open();
	while (RT->oracles_later_count) {
		struct oracle_site *s = &RT->oracles[RT->oracles_later[--RT->oracles_later_count]];
		uint8_t code[INSN_MAX_LEN];

		if (!s->oracle.kind || !s->later)
			continue;
		s->later = false;
		if (!dj_read_user(code, (const void *)s->addr, s->oracle.len) || !plant_trap(s, code, false)) {
			s->oracle.kind = ORACLE_NONE;
			RT->oracles_left = 1;
		}
	}
	code_close();
}

void oracles_forget(uint64_t addr, uint64_t len)
{
	/* the table is large, and at a process's start each of its mappings comes by */
	if (addr >= RT->oracles_to || addr + len <= RT->oracles_from)
		return;
	for (size_t i = 0; i < ORACLE_SITE_MAX; i++)
		if (RT->oracles[i].addr - addr < len)
			RT->oracles[i].oracle.kind = ORACLE_NONE;
}

/* The stub stays, as those of patch.c. */
static void undo(const struct oracle_site *s)
{
	if (s->cover && pad_of(s)) {
		code_write(s->addr, s->hop_original, sizeof(s->hop_original), false);
		code_write(pad_of(s), s->original, sizeof(s->original), false);
	} else if (s->cover) {
		code_write(s->addr, s->original, sizeof(s->original), false);
	} else {
		code_write(s->addr + s->oracle.trap_at, s->original,
			   s->oracle.kind == ORACLE_PAUSE ? 2 : 1, false);
	}
}

void oracles_undo(void)
{
	for (size_t i = 0; RT->oracle_count && i < ORACLE_SITE_MAX; i++) {
		struct oracle_site *s = &RT->oracles[i];

		if (s->addr && s->oracle.kind && !s->later)
			undo(s);
		s->oracle.kind = ORACLE_NONE;
	}
	RT->oracles_later_count = 0;
}

void oracles_start(struct thread *t)
{
	uint64_t unblock = SIG_BIT(SIGILL_NR), old = 0;
	struct sig_actions *known = t->actions;

	dj_raw(SYS_rt_sigaction, SIGILL_NR, 0, &known->action[SIGILL_NR], 8);
	known->known |= SIG_BIT(SIGILL_NR);
	signals_install(SIGILL_NR);
	dj_raw(SYS_rt_sigprocmask, 1 /* SIG_UNBLOCK */, &unblock, &old, 8);
	t->sigsys_blocked |= old & unblock;
}

static void set_register(struct k_mcontext *mc, const struct insn_oracle *oracle, uint64_t value)
{
	uint64_t *const low[8] = {&mc->rax, &mc->rcx, &mc->rdx, &mc->rbx,
				  &mc->rsp, &mc->rbp, &mc->rsi, &mc->rdi};
	uint64_t *reg = oracle->reg < 8 ? low[oracle->reg] : &mc->r8 + (oracle->reg & 7);

	if (oracle->width == 2)
		*reg = (*reg & ~0xffffull) | (value & 0xffff);
	else if (oracle->width == 4)
		*reg = (uint32_t)value;
	else
		*reg = value;
}

/* Makes the instruction. False: the processor does not have it. */
static bool make(struct thread *t, const struct insn_oracle *oracle, struct k_mcontext *mc)
{
	uint64_t value, cpuid[2];
	int64_t aux;
	unsigned flag;

	if (oracle->kind == ORACLE_CPUID) {
		cpuid[0] = (uint32_t)mc->rax;
		cpuid[1] = (uint32_t)mc->rcx;
		boundary_cpuid(t, cpuid);
		mc->rax = (uint32_t)cpuid[0];
		mc->rbx = cpuid[0] >> 32;
		mc->rcx = (uint32_t)cpuid[1];
		mc->rdx = cpuid[1] >> 32;
		return true;
	}
	if (oracle->kind == ORACLE_RDTSC || oracle->kind == ORACLE_RDTSCP) {
		value = boundary_tsc(t, oracle->kind == ORACLE_RDTSCP, &aux);
		mc->rax = (uint32_t)value;
		mc->rdx = value >> 32;
		if (oracle->kind == ORACLE_RDTSCP)
			mc->rcx = (uint32_t)aux;
		return true;
	}
	flag = boundary_oracle(t, oracle->kind, &value);
	if (flag == ORACLE_UNKNOWN)
		return false;
	set_register(mc, oracle, value);
	if (oracle->kind != ORACLE_RDPID)
		mc->eflags = (mc->eflags & ~(uint64_t)FLAGS_CLEARED) | (flag ? FLAG_CF : 0);
	return true;
}

/* From entry.S: a stub's oracle. True: a signal is to be delivered. */
bool dj_oracle(struct k_mcontext *mc, const struct oracle_site *s)
{
	struct thread *t = dj_self();
	struct insn_oracle oracle = s->oracle;

	mc->rax = ((const uint64_t *)mc->rsp)[1];
	mc->rip = s->resume;
	t->oracle_due = s;
	if (oracle.kind == ORACLE_PAUSE)
		return boundary_pause(t);
	if (!make(t, &oracle, mc))
		dj_fatal("the processor does not have an instruction that it had", oracle.kind);
	return boundary_signal_due(t);
}

bool oracles_hold(const struct k_mcontext *mc)
{
	return mc->rip >= (uint64_t)dj_oracle_entry && mc->rip < (uint64_t)dj_oracle_end;
}

bool oracles_trapped(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	const struct oracle_site *s = find(uc->mc.rip);
	struct insn_oracle oracle;
	struct k_siginfo next;
	bool made = true, due = true;

	if (info->code != CODE_OPERAND)
		return false;
	t->interrupted = uc;
	if (uc->mc.rip == (uint64_t)dj_oracle_trap) {
		uc->mc.rip = t->oracle_due->seen; /* a stub is no place that the program knows */
		uc->mc.rsp += ENTRY_RSP_SKIP;
	} else if (s && s->oracle.kind && !s->cover) {
		oracle = s->oracle;
		if (oracle.kind == ORACLE_PAUSE)
			due = boundary_pause(t);
		else
			made = make(t, &oracle, &uc->mc);
		if (made)
			uc->mc.rip += oracle.len;
	} else {
		made = false;
	}
	if (made && due && boundary_next_signal(t, 0, &next))
		signals_enter(t, &next, uc);
	t->interrupted = NULL;
	return made; /* else here, too, it is a fault */
}
