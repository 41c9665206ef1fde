/*
 * Loops without any call, each ended by a SIGALRM handler through a flag: the signal is forced in
 * between two instructions, after hundreds of millions of rounds, and the replay must enter
 * the handler in the same round. They count in a register, on the stack, in a global and in
 * a vector register, or mix what they have in ways that no round can be told from its number.
 */
/* SOAK */
#include "victim.h"
#include <sys/time.h>

static volatile sig_atomic_t stop;
static volatile unsigned long global;
static unsigned long table[64];

static void on_alarm(int signo)
{
	stop = 1;
}

__attribute__((optimize("O2"))) static unsigned long in_register(void)
{
	unsigned long n = 0;

	while (!stop)
		n++;
	return n;
}

__attribute__((optimize("O0"))) static unsigned long on_stack(void)
{
	unsigned long n = 0;

	while (!stop)
		n++;
	return n;
}

static unsigned long in_memory(void)
{
	global = 0;
	while (!stop)
		__asm__ volatile("addq $1, %0" : "+m"(global) : : "cc");
	return global;
}

__attribute__((optimize("O2"))) static unsigned long in_vector(void)
{
	double d = 1;
	unsigned long bits;

	while (!stop)
		d *= 1.000000001;
	memcpy(&bits, &d, sizeof(bits));
	return bits;
}

__attribute__((optimize("O2"))) static unsigned long mixing(void)
{
	unsigned long n = 1;

	while (!stop)
		n = n * 6364136223846793005u + 1442695040888963407u;
	return n;
}

/* The inner loops are the same every time but for one word. */
__attribute__((optimize("O1"))) static unsigned long nested(void)
{
	unsigned long n = 0;

	for (global = 0; !stop; global++)
		for (int i = 0; i < 100 && !stop; i++)
			for (int k = 0; k < 50; k++) {
				table[k] = (unsigned long)(i * k);
				n += table[(k * 7) & 63];
			}
	return n ^ global << 40;
}

static unsigned long depth(unsigned n)
{
	return n < 2 || stop ? n : depth(n - 1) + depth(n - 2);
}

static unsigned long recursive(void)
{
	unsigned long n = 0;

	while (!stop)
		n = n * 31 + depth(25);
	return n;
}

static unsigned long spinning(void)
{
	while (!stop)
		;
	return 0;
}

int main(void)
{
	static unsigned long (*const loops[])(void) = {in_register, on_stack, in_memory,
						       in_vector,   mixing,   nested,
						       recursive,   spinning};

	T_CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
	for (unsigned i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		struct itimerval soon = {.it_value = {0, 40000}};

		stop = 0;
		T_CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
		printf("%u: %016lx\n", i, loops[i]());
	}
	return 0;
}
