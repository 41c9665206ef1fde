/*
 * Small stacks: coroutines of 16 KiB by makecontext, setjmp and longjmp across calls, an
 * alternate stack of the smallest size that still holds a frame. Shows that crossing the
 * boundary needs little stack.
 */
#include "victim.h"
#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { COUNT = 8, STACK = 16384, ROUNDS = 20 };
static ucontext_t main_ctx, ctx[COUNT];
static char *stacks[COUNT];
static int done, fd;
static volatile sig_atomic_t hits;

static void body(int me)
{
	char buf[64], back[64];

	T_CHECK(buf > stacks[me] && buf < stacks[me] + STACK);
	for (int i = 0; i < ROUNDS; i++) {
		int n = snprintf(buf, sizeof(buf), "%d.%d %ld", me, i,
				 (long)t_now_ns(CLOCK_MONOTONIC));

		T_CHECK(pwrite(fd, buf, (size_t)n, me * 100) == n);
		T_CHECK(swapcontext(&ctx[me], &main_ctx) == 0);
		T_CHECK(pread(fd, back, (size_t)n, me * 100) == n);
		T_CHECK(memcmp(buf, back, (size_t)n) == 0 && syscall(SYS_getpid) == getpid());
		struct stat st;
		T_CHECK(fstat(fd, &st) == 0);
	}
	done++;
}

static void small_stacks(void)
{
	fd = open("c", O_CREAT | O_RDWR, 0600);
	for (int i = 0; i < COUNT; i++) {
		char *m = mmap(NULL, STACK + 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		/* A guard page right below: running over is a crash. */
		T_CHECK(m != MAP_FAILED && mprotect(m, 4096, PROT_NONE) == 0);
		stacks[i] = m + 4096;
		T_CHECK(getcontext(&ctx[i]) == 0);
		ctx[i].uc_stack.ss_sp = stacks[i];
		ctx[i].uc_stack.ss_size = STACK;
		ctx[i].uc_link = &main_ctx;
		makecontext(&ctx[i], (void (*)(void))body, 1, i);
	}
	for (int round = 0; round <= ROUNDS; round++)
		for (int i = 0; i < COUNT; i++)
			T_CHECK(swapcontext(&main_ctx, &ctx[i]) == 0);
	T_CHECK(done == COUNT);
	printf("%d coroutines on %p\n", done, (void *)stacks[0]);
}

static jmp_buf env;

#if defined(__clang__) || __GNUC__ >= 12
#pragma GCC diagnostic ignored "-Winfinite-recursion"
#endif
__attribute__((noinline)) static void deep(int n)
{
	volatile char pad[100];

	pad[0] = (char)n;
	if (n == 0) {
		getppid();
		longjmp(env, 7);
	}
	deep(n - 1);
	pad[1] = pad[0];
}

static void on_signal(int sig)
{
	char buf[32];

	(void)sig;
	/* Crossings inside the handler, on its small stack. */
	T_CHECK(pwrite(fd, "x", 1, 0) == 1 && pread(fd, buf, 1, 0) == 1);
	T_CHECK(syscall(SYS_getppid) == getppid());
	hits++;
}

int main(void)
{
	volatile int rounds = 0;

	small_stacks();
	if (setjmp(env) == 7)
		rounds++;
	if (rounds < 50) {
		rounds++;
		deep(rounds);
	}
	T_CHECK(rounds == 51 || rounds == 50);

	size_t min = getauxval(AT_MINSIGSTKSZ);
	size_t len = (min ? min : 2048) * 2 + 8192;
	stack_t ss = {.ss_sp = malloc(len), .ss_size = len};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	T_CHECK(ss.ss_sp && sigaltstack(&ss, NULL) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
	for (int i = 0; i < 10; i++)
		T_CHECK(raise(SIGUSR1) == 0);
	T_CHECK(hits == 10);
	printf("%d hits on a stack of %zu at %p\n", hits, len, ss.ss_sp);
	return 0;
}
