/*
 * Oracles: the program's own instructions whose results only the processor knows (oracle.h: random
 * numbers, the time stamp counter, the processor's number). Their places in a mapped file are known: the
 * recorder has them from the supervisor, which looks through the file's text once
 * (tools/codescan.c), the replayer from the stream. There a byte of the opcode is replaced, so that
 * the instruction raises SIGILL; its handler makes it: the result is an event, which the replay
 * serves. One byte, at a place that nobody runs yet or runs whole: no thread can meet half of it.
 *
 * SIGILL is never blocked for the kernel, which would end the process. What the program knows of
 * its mask and its handler stays apart, as with SIGSYS. Any thread, no libc.
 */
#include <sys/syscall.h>
#include "detach.h"
#include "insn.h"
#include "patch.h"
#include "runtime.h"

enum { CODE_OPERAND = 2 /* ILL_ILLOPN: what the kernel says for every invalid opcode */ };
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

static struct oracle_site *find_or_add(uint64_t addr)
{
	struct oracle_site *s = find(addr);
	size_t i = index_of(addr);

	if (s)
		return s;
	if (RT->oracle_count >= ORACLE_SITE_MAX * 3 / 4)
		return NULL;
	while (RT->oracles[i].addr)
		i = (i + 1) % ORACLE_SITE_MAX;
	RT->oracle_count++;
	RT->oracles[i].addr = addr;
	return &RT->oracles[i];
}

bool oracle_is_planted(uint64_t addr)
{
	const struct oracle_site *s = find(addr);

	return s && s->oracle.kind;
}

bool oracle_plant(uint64_t addr, bool writable)
{
	uint8_t code[INSN_MAX_LEN], trap = INSN_TRAP;
	struct insn_oracle oracle;
	struct oracle_site *s;
	size_t room = sizeof(code), left = 4096 - (addr & 4095);

	if (!dj_read_user(code, (const void *)addr, room)) {
		room = left < room ? left : room;
		if (!dj_read_user(code, (const void *)addr, room))
			return false;
	}
	if (!insn_is_oracle(code, room, &oracle))
		return false;
	s = find_or_add(addr);
	if (!s)
		return false;
	s->original = code[oracle.trap_at];
	s->oracle = oracle;
	if (code_write(addr + oracle.trap_at, &trap, 1, writable))
		return true;
	s->oracle.kind = ORACLE_NONE;
	return false;
}

void oracles_forget(uint64_t addr, uint64_t len)
{
	for (size_t i = 0; RT->oracle_count && i < ORACLE_SITE_MAX; i++)
		if (RT->oracles[i].addr - addr < len)
			RT->oracles[i].oracle.kind = ORACLE_NONE;
}

void oracles_undo(void)
{
	for (size_t i = 0; RT->oracle_count && i < ORACLE_SITE_MAX; i++) {
		struct oracle_site *s = &RT->oracles[i];

		if (s->addr && s->oracle.kind)
			code_write(s->addr + s->oracle.trap_at, &s->original, 1, false);
		s->oracle.kind = ORACLE_NONE;
	}
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

bool oracles_trapped(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	const struct oracle_site *s = find(uc->mc.rip);
	struct insn_oracle oracle;
	struct k_siginfo next;
	uint64_t value;
	int64_t aux;
	unsigned flag;

	if (info->code != CODE_OPERAND || !s || !s->oracle.kind)
		return false;
	oracle = s->oracle;
	t->interrupted = uc;
	if (oracle.kind == ORACLE_RDTSC || oracle.kind == ORACLE_RDTSCP) {
		value = boundary_tsc(t, oracle.kind == ORACLE_RDTSCP, &aux);
		uc->mc.rax = (uint32_t)value;
		uc->mc.rdx = value >> 32;
		if (oracle.kind == ORACLE_RDTSCP)
			uc->mc.rcx = (uint32_t)aux;
	} else {
		flag = boundary_oracle(t, oracle.kind, &value);
		if (flag == ORACLE_UNKNOWN) { /* here, too, it is a fault */
			t->interrupted = NULL;
			return false;
		}
		set_register(&uc->mc, &oracle, value);
		if (oracle.kind != ORACLE_RDPID)
			uc->mc.eflags = (uc->mc.eflags & ~(uint64_t)FLAGS_CLEARED) |
					(flag ? FLAG_CF : 0);
	}
	uc->mc.rip += oracle.len;
	if (boundary_next_signal(t, 0, &next))
		signals_enter(t, &next, uc);
	t->interrupted = NULL;
	return true;
}
