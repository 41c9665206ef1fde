/*
 * The breakpoint of a replay. A computation may come by thousands of millions of times before it
 * is in the recorded state; an int3 costs microseconds each time. So the instruction at the
 * place becomes a jump to code that compares: register or word with its recorded value, one
 * after the other, then a trap; where one differs, the instructions that the jump covers,
 * moved, and back. What is compared is learnt: each visit in vain adds what told it.
 *
 * Nothing of the program's state changes: no flags (the comparison is a lea and a jrcxz), no
 * stack; two registers are kept in memory of ours beside the code. Where the jump
 * covers several instructions, the bytes at which the others begin are made traps by the choice of
 * the jump's target, so that whoever jumps there is led to the moved instruction.
 *
 * The trap is int3, but under a debugger, which takes each SIGTRAP for its own: there it is an
 * opcode that does not exist, whose SIGILL it passes on.
 *
 * Called by preempt.c in its handler and at crossings, by the token's holder.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <fcntl.h>
#include "replay.h"
#include "preempt.h"
#include "preload/patch.h"

enum {
	PAGE = 4096,
	/* a stub's pages: the comparison, from anywhere in the first; moved code; where
	 * registers are kept */
	MOVED_AT = 2 * PAGE,
	CODE_LEN = 3 * PAGE,
	CHECK_MAX = 8,
	INSIDE_MAX = 256,   /* jumps among the covered instructions: then int3 is better */
};

/* General registers as instructions number them, in the order of k_mcontext. */
static const uint8_t number_of[PREEMPT_REG_COUNT - 1] = {8,  9, 10, 11, 12, 13, 14, 15,
							 7, 6, 5,  3,  2,  0,  1,  4};
enum { RAX = 0, RCX = 1 };

static uint8_t trap(void)
{
	return RT->session->hold_stream ? PUSH_ES : INT3;
}

static uint8_t *put(uint8_t *p, const void *bytes, size_t len)
{
	dj_copy(p, bytes, len);
	return p + len;
}

/* A displacement from behind it to `target`. */
static uint8_t *put_rel(uint8_t *p, uint64_t target)
{
	int32_t rel = (int32_t)(target - ((uint64_t)p + 4));

	return put(p, &rel, 4);
}

static uint8_t *put_quad(uint8_t *p, uint64_t v)
{
	return put(p, &v, 8);
}

/* mov between %rax or %rcx and its place in the data page. */
static uint8_t *put_keep(uint8_t *p, unsigned reg, bool load)
{
	*p++ = 0x48;
	*p++ = load ? 0x8b : 0x89;
	*p++ = (uint8_t)(reg << 3 | 5);
	return put_rel(p, PREEMPT->data + 8 * reg);
}

/* %rcx, kept already, becomes 0 if what `check` names has the recorded value. */
static uint8_t *put_difference(uint8_t *p, unsigned check)
{
	const struct preempt_state *s = PREEMPT;
	const struct preempt_word *w;
	uint64_t value;

	if (check < PREEMPT_REG_COUNT - 1 && number_of[check] != RCX) {
		uint8_t reg = number_of[check];

		*p++ = 0x48, *p++ = 0xb9; /* movabs $-value, %rcx */
		p = put_quad(p, -s->place.reg[check]);
		*p++ = (uint8_t)(0x48 | reg >> 3); /* lea 0(%reg,%rcx), %rcx */
		*p++ = 0x8d, *p++ = 0x4c, *p++ = (uint8_t)(RCX << 3 | (reg & 7)), *p++ = 0;
		return p;
	}
	p = put_keep(p, RAX, false);
	if (check < PREEMPT_REG_COUNT) {
		value = s->place.reg[check];
	} else {
		w = &s->words[check - PREEMPT_REG_COUNT];
		value = w->value;
		if (w->addr < WORD_FLAGS) { /* movq %xmm, %rcx */
			uint8_t reg = (uint8_t)(w->addr / 2);

			*p++ = 0x66, *p++ = (uint8_t)(0x48 | (reg >> 3) << 2), *p++ = 0x0f;
			*p++ = 0x7e, *p++ = (uint8_t)(0xc0 | (reg & 7) << 3 | RCX);
		} else {
			*p++ = 0x48, *p++ = 0xb9; /* movabs $addr, %rcx; mov (%rcx), %rcx */
			p = put_quad(p, w->addr);
			*p++ = 0x48, *p++ = 0x8b, *p++ = 0x09;
		}
	}
	*p++ = 0x48, *p++ = 0xb8; /* movabs $-value, %rax; lea (%rcx,%rax), %rcx */
	p = put_quad(p, -value);
	*p++ = 0x48, *p++ = 0x8d, *p++ = 0x0c, *p++ = 0x01;
	return put_keep(p, RAX, true);
}

/* Writes the comparison; the code is writable. entry: where the jump leads. */
static void write_comparison(uint64_t entry)
{
	struct preempt_state *s = PREEMPT;
	uint8_t *p = (uint8_t *)entry;

	for (uint32_t i = 0; i < s->check_count; i++) {
		p = put_keep(p, RCX, false);
		p = put_difference(p, s->check[i]);
		*p++ = 0xe3, *p++ = 12; /* jrcxz over the next two */
		p = put_keep(p, RCX, true);
		*p++ = 0xe9;
		p = put_rel(p, s->go_on);
		p = put_keep(p, RCX, true);
	}
	s->hit = (uint64_t)p;
	*p = trap();
}

/* Moves one covered instruction to p; its displacements follow. NULL: too far. */
static uint8_t *move(uint8_t *p, const struct preempt_cover *cover, unsigned i)
{
	const struct insn *in = &cover->in[i];
	const uint8_t *code = cover->code + cover->offset[i];
	uint64_t at = RT->break_addr + cover->offset[i], target;
	int64_t far;

	if (in->rel_len) {
		target = insn_target(in, code, at);
		for (unsigned k = 0; k < i; k++) /* back among the moved ones, but not past the place */
			if (k && target == RT->break_addr + cover->offset[k])
				target = PREEMPT->moved[k].to;
		if (in->flow == INSN_JUMP) {
			*p++ = 0xe9;
		} else {
			uint8_t op = code[in->rel_at - 1];

			*p++ = 0x0f;
			*p++ = (uint8_t)(0x80 | (op & 15));
		}
		far = (int64_t)(target - ((uint64_t)p + 4));
		return far == (int32_t)far ? put_rel(p, target) : NULL;
	}
	dj_copy(p, code, in->len);
	if (in->rip_at) {
		int32_t rel;

		dj_copy(&rel, code + in->rip_at, 4);
		target = at + in->len + (uint64_t)(int64_t)rel;
		far = (int64_t)(target - ((uint64_t)p + in->len));
		if (far != (int32_t)far)
			return NULL;
		rel = (int32_t)far;
		dj_copy(p + in->rip_at, &rel, 4);
	}
	return p + in->len;
}

static bool write_moved(const struct preempt_cover *cover)
{
	struct preempt_state *s = PREEMPT;
	uint8_t *p = (uint8_t *)s->go_on;
	unsigned flow = cover->in[cover->count - 1].flow;

	for (unsigned i = 0; i < cover->count; i++) {
		s->moved[i].from = RT->break_addr + cover->offset[i];
		s->moved[i].to = (uint64_t)p;
		p = move(p, cover, i);
		if (!p)
			return false;
	}
	s->moved_count = cover->count;
	if (flow == INSN_NEXT || flow == INSN_BRANCH) {
		int64_t far = (int64_t)(RT->break_addr + cover->len - ((uint64_t)p + 5));

		if (far != (int32_t)far)
			return false;
		*p++ = 0xe9;
		put_rel(p, RT->break_addr + cover->len);
	}
	return true;
}

static void protect(bool writable)
{
	dj_raw(SYS_mprotect, PREEMPT->code, CODE_LEN,
	       writable ? PROT_READ | PROT_WRITE : PROT_READ | PROT_EXEC);
}

bool stub_plant(void)
{
	struct preempt_state *s = PREEMPT;
	struct preempt_cover cover;
	uint64_t entry;

	s->check_count = s->check_next = 0;
	s->inside_count = 0;
	s->stub_trapped = false;
	if (!preempt_cover_at(RT->break_addr, &cover))
		return false;
	for (unsigned n = 0; (entry = preempt_map_stub(RT->break_addr, &cover, trap(), &n)); n++) {
		int32_t rel = (int32_t)(entry - (RT->break_addr + JUMP_LEN));

		s->entry = entry;
		s->code = entry & ~(uint64_t)(PAGE - 1);
		s->data = s->code + CODE_LEN;
		s->go_on = s->code + MOVED_AT;
		if (write_moved(&cover)) {
			write_comparison(entry);
			protect(false);
			s->planted[0] = 0xe9;
			dj_copy(s->planted + 1, &rel, 4);
			s->planted_len = JUMP_LEN;
			dj_copy(s->original, cover.code, JUMP_LEN);
			s->stub = true;
			if (code_write(RT->break_addr, s->planted, JUMP_LEN, false))
				return true;
			s->stub = false;
		}
		preempt_unmap_stub(entry);
	}
	return false;
}

static bool write_trap(bool on)
{
	struct preempt_state *s = PREEMPT;
	const uint8_t *byte = on ? s->planted : s->original;

	if (s->text_fd < 0) /* a sandbox forbids it */
		return code_write(RT->break_addr, byte, 1, false);
	return dj_raw(SYS_pwrite64, s->text_fd, byte, 1, RT->break_addr) == 1;
}

bool stub_plant_trap(void)
{
	struct preempt_state *s = PREEMPT;

	s->stub = false;
	s->planted[0] = trap();
	s->planted_len = 1;
	/* rounds may be many; and the program makes no call that would show the descriptor */
	s->text_fd = dj_raw(SYS_open, "/proc/self/mem", O_RDWR | O_CLOEXEC, 0);
	return dj_read_user(s->original, (const void *)RT->break_addr, 1) && write_trap(true);
}

void stub_remove(void)
{
	struct preempt_state *s = PREEMPT;
	uint8_t now[JUMP_LEN];

	if (dj_read_user(now, (const void *)RT->break_addr, s->planted_len) &&
	    !dj_compare(now, s->planted, s->planted_len))
		code_write(RT->break_addr, s->original, s->planted_len, false);
	if (s->stub)
		preempt_unmap_stub(s->entry);
	else if (s->text_fd >= 0)
		dj_raw(SYS_close, s->text_fd);
	s->stub = false;
}

/* Too many jump to the instructions behind the place. They get them back; there the moved ones
 * are executed after each visit. */
static void stub_become_trap(void)
{
	struct preempt_state *s = PREEMPT;
	uint8_t code[JUMP_LEN];

	dj_copy(code, s->original, JUMP_LEN);
	code[0] = s->planted[0] = trap();
	s->planted_len = 1;
	s->stub_trapped = code_write(RT->break_addr, code, JUMP_LEN, false);
}

enum stub_meeting stub_meets(struct k_ucontext *uc, const struct k_siginfo *info)
{
	struct preempt_state *s = PREEMPT;
	uint64_t at = uc->mc.rip - 1;

	if (!s->stub) {
		if ((uc->mc.eflags & TRAP_FLAG) && preempt_is_step(info, &uc->mc)) {
			uc->mc.eflags &= ~(uint64_t)TRAP_FLAG;
			write_trap(true);
			return STUB_WENT_ON;
		}
		if (at != RT->break_addr)
			return STUB_FOREIGN;
		uc->mc.rip = at;
		return STUB_VISIT;
	}
	if (at == (s->stub_trapped ? RT->break_addr : s->hit)) {
		uc->mc.rip = RT->break_addr;
		return STUB_VISIT;
	}
	for (uint32_t i = 1; i < s->moved_count; i++) {
		if (at != s->moved[i].from)
			continue;
		uc->mc.rip = s->moved[i].to;
		if (++s->inside_count > INSIDE_MAX) { /* a loop begins here, behind the place */
			uc->mc.rip = at;
			stub_become_trap();
		}
		return STUB_WENT_ON;
	}
	return STUB_FOREIGN;
}

/* Whether the comparison can be made by the code above. */
static bool can_check(int differs)
{
	const struct preempt_state *s = PREEMPT;
	uint64_t addr;

	if (differs < 0)
		return false;
	for (uint32_t i = 0; i < s->check_count; i++)
		if (s->check[i] == differs)
			return false;
	if (differs < PREEMPT_REG_COUNT)
		return differs != PREEMPT_REG_COUNT - 1;
	addr = s->words[differs - PREEMPT_REG_COUNT].addr;
	return addr >= WORD_LAST || (addr < WORD_FLAGS && !(addr & 1));
}

void stub_go_on(struct k_ucontext *uc, int differs)
{
	struct preempt_state *s = PREEMPT;

	if (!s->stub) {
		write_trap(false);
		uc->mc.eflags |= TRAP_FLAG;
		return;
	}
	uc->mc.rip = s->go_on;
	if (s->stub_trapped || !can_check(differs))
		return;
	if (s->check_count < CHECK_MAX)
		s->check[s->check_count++] = (uint16_t)differs;
	else
		s->check[s->check_next++ % CHECK_MAX] = (uint16_t)differs;
	protect(true);
	write_comparison(s->entry);
	protect(false);
}
