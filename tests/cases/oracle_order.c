/*
 * Instructions that ask the processor, in many places of the executable: each calls from a stub of
 * ours, whose address stays on the stack below the red zone. A loop that is stopped deeper is
 * told apart by that stack, too, so the stubs lie in one order in every run.
 */
/* SOAK */
/* CFLAGS: -O1 */
#include "victim.h"
#include <sys/time.h>

static volatile sig_atomic_t stop;
static volatile unsigned told;

static void on_alarm(int signo)
{
	stop = signo;
}

#define ASK(n)                                                                                 \
	__attribute__((noinline)) static void ask_##n(void)                                    \
	{                                                                                      \
		unsigned a = 0, b, c = 0, d;                                                   \
                                                                                               \
		__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));                \
		told += a + n;                                                                 \
	}
ASK(1) ASK(2) ASK(3) ASK(4) ASK(5) ASK(6) ASK(7) ASK(8)

/* What the calls before have left is in `gap`. */
__attribute__((noinline)) static unsigned long compute(void)
{
	volatile char gap[4096];
	unsigned long rounds = 0;

	gap[0] = 1;
	while (!stop)
		rounds += gap[0];
	return rounds;
}

int main(void)
{
	struct itimerval soon = {.it_value = {0, 60000}};

	T_CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
	ask_1(), ask_2(), ask_3(), ask_4();
	ask_5(), ask_6(), ask_7(), ask_8();
	T_CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	printf("%u %lu\n", told, compute());
	return 0;
}
