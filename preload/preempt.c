/*
 * See preempt.h: what recorder and replayer share.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <elf.h>
#include "preempt.h"

enum {
	OBJECT_LEN = 0x200000, /* both runtime objects' (entry.S, .span) */
	FXSAVE_VECTORS = 160,
	ARITHMETIC_FLAGS = 0xcd5,
	STUB_TRIES = 256,
};

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
extern const char doors_end[] __attribute__((visibility("hidden"))); /* runtime.ld */

void preempt_start(void)
{
	struct preempt_state *s = PREEMPT;
	const Elf64_Phdr *ph = NULL;
	uint64_t count = 0, bias = 0;

	s->heap_from = (uint64_t)dj_raw(SYS_brk, 0);
	s->object_from = (uint64_t)&__ehdr_start;
	s->object_to = s->object_from + OBJECT_LEN;
	for (const uint64_t *aux = RT->auxv; aux[0]; aux += 2) {
		if (aux[0] == AT_PHDR)
			ph = (const Elf64_Phdr *)aux[1];
		if (aux[0] == AT_PHNUM)
			count = aux[1];
		if (aux[0] == AT_BASE && aux[1]) {
			const Elf64_Ehdr *eh = (const Elf64_Ehdr *)aux[1];
			const Elf64_Phdr *at = (const void *)(aux[1] + eh->e_phoff);

			s->linker_from = aux[1];
			for (int i = 0; i < eh->e_phnum; i++)
				if (at[i].p_type == PT_LOAD)
					s->linker_to = (aux[1] + at[i].p_vaddr + at[i].p_memsz +
							4095) & ~4095ull;
		}
	}
	for (uint64_t i = 0; ph && i < count; i++)
		if (ph[i].p_type == PT_PHDR)
			bias = (uint64_t)ph - ph[i].p_vaddr;
	for (uint64_t i = 0; ph && i < count; i++)
		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_W)) {
			s->data_from = bias + ph[i].p_vaddr;
			s->data_to = s->data_from + ph[i].p_memsz;
		}
}

bool preempt_is_internal(uint64_t value)
{
	return value >= (uint64_t)doors_end && value < PREEMPT->object_to;
}

/* Pointers into what differs between the two runtime objects, which the dynamic linker leaves on
 * stacks and in its lists, count as none. */
static void without_internal(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8)
		if (preempt_is_internal(*(const uint64_t *)(bytes + i)))
			dj_zero(bytes + i, 8);
}

uint64_t preempt_stack_digest(const struct k_mcontext *mc)
{
	uint64_t from = mc->rsp, to = mc->rsp + PREEMPT_STACK_LEN;
	uint64_t page = mc->rsp & ~4095ull;
	uint8_t *piece = PREEMPT->piece;

	if (to > page + 4096)
		to = page + 4096; /* the next page may not be there */
	dj_copy(piece, (const void *)from, to - from);
	without_internal(piece + (-from & 7), to - from - (-from & 7));
	return dj_xxh64(piece, to - from);
}

uint64_t preempt_memory_digest(const struct k_mcontext *mc)
{
	enum { POINTER_COUNT = 15 }; /* all but rsp and rip */
	const uint64_t *reg = (const uint64_t *)mc;
	uint64_t piece[PREEMPT_MEMORY_LEN / 8 + 1] = {0};

	for (unsigned i = 0; i < POINTER_COUNT; i++) {
		uint64_t at = reg[i] & ~63ull, left = 4096 - (at & 4095);
		size_t len = left < PREEMPT_MEMORY_LEN ? left : PREEMPT_MEMORY_LEN;

		if (at < 4096 || at - DJ_PRIVATE < DJ_STREAM - DJ_PRIVATE)
			continue; /* no pointer, or ours, which is another's on replay */
		if (at + PREEMPT_MEMORY_LEN > RT->text_start && at < RT->text_end)
			continue; /* our code, likewise */
		if (dj_read_user(piece + 1, (const void *)at, len))
			piece[0] = dj_xxh64(piece, 8 + len);
	}
	return piece[0];
}

void preempt_place_of(const struct k_mcontext *mc, struct preempt_place *place)
{
	/* k_mcontext begins with the registers in the order of the kernel's */
	dj_copy(place->reg, mc, sizeof(place->reg));
	place->stack_digest = preempt_stack_digest(mc);
	place->memory_digest = 0;
}

bool preempt_word_read(const struct k_mcontext *mc, uint64_t addr, uint64_t *value)
{
	*value = 0;
	if (addr < WORD_FLAGS && mc->fpstate)
		*value = *(const uint64_t *)(mc->fpstate + FXSAVE_VECTORS + addr * 8);
	else if (addr == WORD_FLAGS)
		*value = mc->eflags & ARITHMETIC_FLAGS;
	else if (addr == WORD_PAUSES)
		*value = dj_self()->pauses - dj_self()->pauses_told;
	else if (addr >= WORD_LAST)
		return dj_read_user(value, (const void *)addr, sizeof(*value));
	return true;
}

uint64_t preempt_piece_digest(uint64_t before, const uint8_t *bytes, size_t len)
{
	uint8_t *piece = PREEMPT->piece;

	dj_copy(piece, &before, 8);
	dj_copy(piece + 8, bytes, len);
	without_internal(piece + 8, len);
	return dj_xxh64(piece, 8 + len);
}

bool preempt_area_digest(uint64_t addr, uint64_t len, uint64_t *digest)
{
	uint8_t *piece = PREEMPT->piece;

	*digest = 0;
	while (len) {
		size_t n = len < 4096 ? len : 4096;

		dj_copy(piece, digest, 8);
		if (!dj_read_user(piece + 8, (const void *)addr, n))
			return false;
		without_internal(piece + 8, n);
		*digest = dj_xxh64(piece, 8 + n);
		addr += n;
		len -= n;
	}
	return true;
}

bool preempt_in_program(const struct thread *t, const struct k_mcontext *mc)
{
	uint64_t private_start = (uint64_t)t;

	return !(mc->rip >= RT->text_start && mc->rip < RT->text_end) &&
	       !(mc->rip >= PREEMPT->linker_from && mc->rip < PREEMPT->linker_to) &&
	       !(mc->rsp - private_start < THREAD_STRIDE);
}

uint64_t preempt_original_rip(uint64_t rip)
{
	const struct preempt_state *s = PREEMPT;

	if (RT->break_addr && s->stub)
		for (uint32_t i = 0; i < s->moved_count; i++)
			if (rip == s->moved[i].to)
				return s->moved[i].from;
	return rip;
}

/* A jump whose last byte must be that of an int3 leads far below, where nothing may be. */
enum { LOWEST_FOR_PUN = 0x35000000 };

bool preempt_cover_at(uint64_t at, struct preempt_cover *cover)
{
	size_t room = COVER_ROOM, left = 4096 - (at & 4095);

	cover->count = 0;
	cover->len = 0;
	if (!dj_read_user(cover->code, (const void *)at, room)) {
		room = left < room ? left : room;
		if (!dj_read_user(cover->code, (const void *)at, room))
			return false;
	}
	while (cover->len < JUMP_LEN) {
		struct insn *in = &cover->in[cover->count];

		if (cover->count && cover->in[cover->count - 1].flow != INSN_NEXT &&
		    cover->in[cover->count - 1].flow != INSN_BRANCH)
			return false; /* what follows belongs to others */
		if (!insn_decode(cover->code + cover->len, room - cover->len, in) ||
		    in->flow >= INSN_CALL || (in->repeats && !cover->count))
			return false;
		cover->offset[cover->count++] = (uint8_t)cover->len;
		cover->len += in->len;
	}
	return at >= LOWEST_FOR_PUN || cover->offset[cover->count - 1] != JUMP_LEN - 1;
}

/* A displacement for the jump, the n-th to be tried, with a trap where a covered instruction
 * begins. */
static int32_t displacement(const struct preempt_cover *cover, uint8_t trap, unsigned n)
{
	uint8_t byte[4] = {0x40, (uint8_t)(n * 16), (uint8_t)(n * 40 + 16),
			   (uint8_t)(n & 1 ? 4 + n / 4 : 0xfc - n / 4)};
	int32_t rel;

	for (unsigned i = 1; i < cover->count; i++)
		byte[cover->offset[i] - 1] = trap;
	dj_copy(&rel, byte, 4);
	return rel;
}

uint64_t preempt_map_stub(uint64_t at, const struct preempt_cover *cover, uint8_t trap,
			  unsigned *n)
{
	for (; *n < STUB_TRIES; (*n)++) {
		uint64_t entry = at + JUMP_LEN + (uint64_t)(int64_t)displacement(cover, trap, *n);
		uint64_t page = entry & ~4095ull;

		if (page >= 1 << 16 && page < 0x7fffff000000ull &&
		    dj_raw(SYS_mmap, page, STUB_LEN, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			   0) == (long)page)
			return entry;
	}
	return 0;
}

void preempt_unmap_stub(uint64_t entry)
{
	dj_raw(SYS_munmap, entry & ~4095ull, STUB_LEN);
}

bool preempt_is_request(const struct k_siginfo *info)
{
	uint64_t value;

	dj_copy(&value, info->rest + 8, sizeof(value)); /* si_value */
	return (info->code == -1 || info->code == -2) && value == PREEMPT_VALUE;
}

void preempt_request(const struct thread *target)
{
	struct k_siginfo info = {.signo = SIGSYS_NR, .code = -1};
	uint64_t value = PREEMPT_VALUE;

	dj_copy(info.rest + 8, &value, sizeof(value));
	dj_raw(SYS_rt_tgsigqueueinfo, thread_process(target), target->live_tid, SIGSYS_NR, &info);
}

/*
 * A hypervisor may lose what the processor noted of the trap (KVM on Intel's, where the host is older
 * than Linux 6.14: once in some hundred thousand steps). The kernel then takes it for an int1.
 */
bool preempt_is_step(const struct k_siginfo *info, const struct k_mcontext *mc)
{
	enum { CODE_BREAK = 1, CODE_TRACE = 2, INT1 = 0xf1 }; /* the kernel's TRAP_BRKPT, TRAP_TRACE */
	uint8_t before;

	if (info->code != CODE_BREAK || !(mc->eflags & TRAP_FLAG))
		return info->code == CODE_TRACE;
	return !dj_read_user(&before, (const void *)(mc->rip - 1), 1) || before != INT1;
}

void preempt_take_trap(void (*handler)(int, struct k_siginfo *, struct k_ucontext *))
{
	struct k_sigaction act = {
		.handler = (uint64_t)handler,
		/* SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_NODEFER */
		.flags = 0x4 | 0x08000000 | 0x04000000 | 0x40000000,
		.restorer = (uint64_t)dj_restorer,
		.mask = ~SIGSYS_BIT,
	};

	struct sig_actions *known = dj_self()->actions;

	if (!(known->known & SIG_BIT(SIGTRAP_NR))) {
		dj_raw(SYS_rt_sigaction, SIGTRAP_NR, 0, &known->action[SIGTRAP_NR], 8);
		known->known |= SIG_BIT(SIGTRAP_NR);
	}
	dj_raw(SYS_rt_sigaction, SIGTRAP_NR, &act, 0, 8);
}
