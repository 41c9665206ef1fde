/*
 * Synchronous faults as a means: SIGSEGV repaired with mprotect, siglongjmp out of SIGFPE,
 * SIGILL and SIGTRAP stepped over, SIGBUS, raise. Shows that faults happen again by
 * themselves, with the program's own context to read and change.
 */
/* SOAK */
#include "victim.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

static char *area;
static volatile int repaired, stepped, raised;
static sigjmp_buf back;

static void on_segv(int sig, siginfo_t *si, void *uc)
{
	char *page = (char *)((uintptr_t)si->si_addr & ~4095ul);

	(void)sig, (void)uc;
	T_CHECK(si->si_code == SEGV_ACCERR && page >= area && page < area + 16 * 4096);
	T_CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
	repaired++;
}

static void on_fpe(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	T_CHECK(sig == SIGFPE && si->si_code == FPE_INTDIV);
	siglongjmp(back, 33);
}

static void on_ill(int sig, siginfo_t *si, void *uc)
{
	ucontext_t *u = uc;

	T_CHECK(sig == SIGILL && (greg_t)si->si_addr == u->uc_mcontext.gregs[REG_RIP]);
	u->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
	u->uc_mcontext.gregs[REG_RBX] = 0x1234;
	stepped++;
}

static void on_trap(int sig)
{
	(void)sig;
	stepped += 100;
}

static void on_raise(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	raised += sig;
	T_CHECK(si->si_pid == getpid() && si->si_code == SI_TKILL);
}

static void install(int sig, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO}, got;

	T_CHECK(sigaction(sig, &sa, NULL) == 0 && sigaction(sig, NULL, &got) == 0);
	T_CHECK(got.sa_sigaction == fn && (got.sa_flags & SA_SIGINFO));
}

int main(void)
{
	volatile int zero = 0;
	uint64_t bx = 0;
	sigset_t mask;

	area = mmap(NULL, 16 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T_CHECK(area != MAP_FAILED);
	install(SIGSEGV, on_segv);
	for (int i = 0; i < 16; i++)
		area[i * 4096 + i] = (char)i;
	T_CHECK(repaired == 16 && area[5 * 4096 + 5] == 5);
	/* A fault inside a call is not a signal. */
	T_CHECK(mprotect(area, 4096, PROT_NONE) == 0);
	T_FAILS(EFAULT, read(open("/dev/zero", O_RDONLY), area, 100));
	T_CHECK(repaired == 16);
	printf("%d repaired in %p\n", repaired, (void *)area);

	install(SIGFPE, on_fpe);
	for (int i = 0; i < 10; i++) {
		int rc = sigsetjmp(back, 1);

		if (rc == 0)
			printf("%d\n", getpid() / zero);
		T_CHECK(rc == 33);
		T_CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && !sigismember(&mask, SIGFPE));
	}
	/* setjmp without the mask: the signal stays blocked. */
	if (sigsetjmp(back, 0) == 0)
		printf("%d\n", getpid() / zero);
	T_CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGFPE));

	install(SIGILL, on_ill);
	for (int i = 0; i < 5; i++) {
		__asm__ volatile("ud2" : "=b"(bx) : : "memory");
		T_CHECK(bx == 0x1234);
	}
	signal(SIGTRAP, on_trap);
	__asm__ volatile("int3");
	T_CHECK(stepped == 105);

	install(SIGUSR1, on_raise);
	install(SIGRTMIN + 3, on_raise);
	T_CHECK(raise(SIGUSR1) == 0 && raised == SIGUSR1);
	T_CHECK(raise(SIGRTMIN + 3) == 0 && raised == SIGUSR1 + SIGRTMIN + 3);
	printf("raised %d in %d at %ld\n", raised, getpid(), (long)t_now_ns(CLOCK_REALTIME));
	return 0;
}
