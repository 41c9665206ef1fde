/*
 * The second door: every syscall instruction outside our text raises SIGSYS (Syscall
 * User Dispatch); its handler sends the program to the common entry, and after a few
 * hits replaces the site by a jump so that later crossings cost no signal.
 *
 * Two shapes are patched, both without a disassembler, since the address of a site that
 * has just trapped is known to be an instruction:
 *   A: `syscall; cmp $-4095|-4096, %rax|%eax`: the jump covers both, the stub runs the
 *      displaced cmp last;
 *   B: `mov $nr, %eax; syscall`: the jump covers the mov alone and the stub resumes
 *      behind the syscall; whoever jumps to the syscall itself still traps.
 * Everything else stays with the trap. The handler runs on our own signal stack with all
 * signals blocked.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include "runtime.h"

enum {
	PR_SUD = 59, /* PR_SET_SYSCALL_USER_DISPATCH */
	SUD_ON = 1,
	CODE_SUD = 2,	  /* SYS_USER_DISPATCH */
	PATCH_AFTER = 2,  /* hits of a site before it is patched */
	STUB_LEN = 48,
};

void trap_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc);

/* The site's entry, made when it is new. NULL when the table is full. */
static struct site *site_find(uint64_t addr)
{
	size_t i = (addr >> 1) * 0x9e3779b97f4a7c15ull >> 53;

	for (size_t n = 0; n < SITE_MAX; n++, i = (i + 1) % SITE_MAX) {
		struct site *s = &RT->sites[i];

		if (s->addr == addr)
			return s;
		if (!s->addr) {
			if (RT->site_count > SITE_MAX * 3 / 4)
				return NULL;
			RT->site_count++;
			s->addr = addr;
			return s;
		}
	}
	return NULL;
}

static uint8_t *put_rel32(uint8_t *p, uint64_t target)
{
	int32_t rel = (int32_t)(target - ((uint64_t)p + 4));

	*(int32_t *)p = rel;
	return p + 4;
}

static bool in_reach(uint64_t from, uint64_t to)
{
	int64_t d = (int64_t)(to - from);

	return d > -0x7fff0000ll && d < 0x7fff0000ll;
}

static int set_writable(uint64_t addr, size_t len, bool on)
{
	uint64_t start = addr & ~4095ull, end = (addr + len + 4095) & ~4095ull;

	return (int)dj_raw(SYS_mprotect, start, end - start,
			   on ? PROT_READ | PROT_WRITE | PROT_EXEC : PROT_READ | PROT_EXEC);
}

/* Patches the site if its bytes have one of the two shapes. */
static void site_patch(struct site *s, long nr)
{
	const uint8_t *code = (const uint8_t *)s->addr;
	uint8_t *stub = (uint8_t *)RT->stub_next, *p = stub, *tail;
	uint8_t displaced[6];
	size_t displaced_len = 0, site_len;
	uint64_t patch_at;
	bool shape_a = false;

	s->tail = 1; /* tried */
	if ((s->addr & 4095) < 16 || (s->addr & 4095) > 4096 - 16)
		return; /* the neighbouring page may not be there */
	if (code[2] == 0x48 && code[3] == 0x3d && (code[4] & 0xfe) == 0 &&
	    code[5] == 0xf0 && code[6] == 0xff && code[7] == 0xff) {
		displaced_len = 6;
		shape_a = true;
	} else if (code[2] == 0x3d && (code[3] & 0xfe) == 0 && code[4] == 0xf0 &&
		   code[5] == 0xff && code[6] == 0xff) {
		displaced_len = 5;
		shape_a = true;
	} else if (code[-5] == 0xb8 && *(const uint32_t *)(code - 4) == (uint32_t)nr &&
		   nr >= 0) {
		;
	} else {
		return;
	}
	patch_at = shape_a ? s->addr : s->addr - 5;
	site_len = shape_a ? 2 + displaced_len : 5;
	if ((uint64_t)stub + STUB_LEN > (uint64_t)dj_stubs_end ||
	    !in_reach(patch_at, (uint64_t)stub))
		return;
	if (set_writable((uint64_t)stub, STUB_LEN, true) < 0)
		return;
	for (size_t i = 0; i < displaced_len; i++)
		displaced[i] = code[2 + i];
	/* lea -136(%rsp), %rsp: the red zone, and a word so that the entry finds the stack
	 * as the handler below leaves it */
	*p++ = 0x48, *p++ = 0x8d, *p++ = 0xa4, *p++ = 0x24;
	*(int32_t *)p = -136;
	p += 4;
	if (!shape_a) { /* mov $nr, %eax */
		*p++ = 0xb8;
		*(uint32_t *)p = (uint32_t)nr;
		p += 4;
	}
	/* lea site+2(%rip), %rcx */
	*p++ = 0x48, *p++ = 0x8d, *p++ = 0x0d;
	p = put_rel32(p, s->addr + 2);
	/* call the entry */
	*p++ = 0xe8;
	p = put_rel32(p, (uint64_t)(shape_a ? dj_tramp_entry : dj_tramp_entry_flags));
	/* lea 136(%rsp), %rsp */
	*p++ = 0x48, *p++ = 0x8d, *p++ = 0xa4, *p++ = 0x24;
	*(int32_t *)p = 136;
	p += 4;
	tail = p;
	for (size_t i = 0; i < displaced_len; i++)
		*p++ = displaced[i];
	/* jmp back */
	*p++ = 0xe9;
	p = put_rel32(p, s->addr + (shape_a ? site_len : 2));
	RT->stub_next = ((uint64_t)p + 15) & ~15ull;
	set_writable((uint64_t)stub, STUB_LEN, false);

	if (set_writable(patch_at, site_len, true) < 0)
		return;
	p = (uint8_t *)patch_at;
	*p++ = 0xe9;
	p = put_rel32(p, (uint64_t)stub);
	while (p < (uint8_t *)patch_at + site_len)
		*p++ = 0x90;
	set_writable(patch_at, site_len, false);
	s->tail = shape_a ? (uint64_t)tail : 1;
}

uint64_t trap_resume_rip(uint64_t rip)
{
	size_t i = ((rip - 2) >> 1) * 0x9e3779b97f4a7c15ull >> 53;

	for (size_t n = 0; n < SITE_MAX; n++, i = (i + 1) % SITE_MAX) {
		struct site *s = &RT->sites[i];

		if (!s->addr)
			return rip;
		if (s->addr == rip - 2)
			return s->tail > PATCH_AFTER + 1 ? s->tail : rip;
	}
	return rip;
}

/* SIGSYS. Sends the program to the common entry as if the site were a call of it. */
void trap_handler(int signo, struct k_siginfo *info, struct k_ucontext *uc)
{
	struct thread *t = dj_self();
	uint64_t *sp;
	struct site *s;

	if (info->code != CODE_SUD) {
		if (boundary_interrupt(t, info, uc))
			return;
		if (t->delivering)
			signals_delivered(t, uc);
		else
			signals_catch(t, signo, info, uc);
		return;
	}
	if (uc->mc.rax == SYS_rt_sigreturn) {
		signals_return(t, uc);
		return;
	}
	/* `tail` counts hits until the site is tried: 1 = tried, n + 1 = n hits */
	s = site_find(uc->mc.rip - 2);
	if (s && !RT->passthrough && s->tail != 1 && s->tail <= PATCH_AFTER + 1) {
		if (!s->tail)
			s->tail = 2;
		else if (++s->tail > PATCH_AFTER)
			site_patch(s, (long)uc->mc.rax);
	}
	if (!s || s->tail == 1)
		RT->session->unpatched_sites++;
	sp = (uint64_t *)(uc->mc.rsp - 128);
	*--sp = trap_resume_rip(uc->mc.rip); /* it may just have been patched */
	*--sp = (uint64_t)dj_ret_generic;
	uc->mc.rsp = (uint64_t)sp;
	uc->mc.rcx = uc->mc.rip;
	uc->mc.rip = (uint64_t)dj_trap_entry;
}

void trap_arm(void)
{
	long r;

	if (!RT->dispatch)
		return;
	r = dj_raw(SYS_prctl, PR_SUD, SUD_ON, RT->text_start,
		   RT->text_end - RT->text_start, 0);
	if (DJ_IS_ERR(r))
		RT->dispatch = 0;
}

void trap_start(void)
{
	struct k_sigaction act = {
		.handler = (uint64_t)trap_handler,
		/* SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_NODEFER */
		.flags = 0x4 | 0x08000000 | 0x04000000 | 0x40000000,
		.restorer = (uint64_t)dj_restorer,
		.mask = ~SIGSYS_BIT,
	};
	uint64_t unblock = SIGSYS_BIT;

	RT->stub_next = (uint64_t)dj_stubs;
	dj_raw(SYS_rt_sigaction, SIGSYS_NR, &act, 0, 8);
	dj_raw(SYS_rt_sigprocmask, 1 /* SIG_UNBLOCK */, &unblock, 0, 8);
	RT->dispatch = !RT->session->no_dispatch;
	trap_arm();
}
