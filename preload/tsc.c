/*
 * The processor's time stamp counter, read by the program itself: `deja record --trap-tsc` has the
 * kernel forbid the instructions (PR_SET_TSC), and each raises SIGSEGV. In the handler the
 * instruction is made here: its value is an event, which the replay serves. Where it is not
 * asked for, nothing of this is active.
 *
 * Our own clock does not read the counter then, nor does the vDSO's (clock.c). The prohibition
 * survives exec, and the dynamic linker reads the counter before we are there: so it is lifted
 * around exec.
 */
#include <sys/syscall.h>
#include <sys/prctl.h>
#include "runtime.h"

enum { CODE_KERNEL = 0x80, RDTSC_LEN = 2, RDTSCP_LEN = 3 };

void tsc_forbid(bool on)
{
	if (RT->trap_tsc)
		dj_raw(SYS_prctl, PR_SET_TSC, on ? PR_TSC_SIGSEGV : PR_TSC_ENABLE);
}

void tsc_start(void)
{
	if (!RT->trap_tsc)
		return;
	signals_install(SIGSEGV_NR);
	if (dj_raw(SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV) < 0)
		RT->trap_tsc = 0;
}

uint64_t tsc_read(uint32_t *aux)
{
	uint32_t lo, hi;

	tsc_forbid(false);
	__asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(*aux));
	tsc_forbid(true);
	return (uint64_t)hi << 32 | lo;
}

/* The length of the instruction at rip if it reads the counter, else 0. */
static uint64_t reads_counter(uint64_t rip)
{
	uint8_t code[RDTSCP_LEN] = {0};

	if (!dj_read_user(code, (const void *)rip, RDTSCP_LEN) &&
	    !dj_read_user(code, (const void *)rip, RDTSC_LEN))
		return 0;
	if (code[0] != 0x0f)
		return 0;
	if (code[1] == 0x31)
		return RDTSC_LEN;
	return code[1] == 0x01 && code[2] == 0xf9 ? RDTSCP_LEN : 0;
}

bool tsc_trapped(struct thread *t, const struct k_siginfo *info, struct k_ucontext *uc)
{
	struct k_siginfo next;
	uint64_t value, len;
	int64_t aux;

	if (info->code != CODE_KERNEL || !(len = reads_counter(uc->mc.rip)))
		return false;
	t->interrupted = uc;
	value = boundary_tsc(t, len == RDTSCP_LEN, &aux);
	uc->mc.rax = (uint32_t)value;
	uc->mc.rdx = value >> 32;
	if (len == RDTSCP_LEN)
		uc->mc.rcx = (uint32_t)aux;
	uc->mc.rip += len;
	if (boundary_next_signal(t, 0, &next))
		signals_enter(t, &next, uc);
	t->interrupted = NULL;
	return true;
}
