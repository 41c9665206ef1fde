/*
 * A loop without any call, ended by a SIGALRM handler through a flag: the signal is forced in
 * between two instructions, and the replay must enter the handler in the same round. The
 * rounds are slow ones (cpuid leaves a virtual machine), since the replay looks at each.
 */
#include "victim.h"
#include <cpuid.h>
#include <sys/time.h>

static volatile sig_atomic_t stop;
static volatile unsigned long rounds, seen;

static void on_alarm(int signo)
{
	seen = rounds;
	stop = 1;
}

int main(void)
{
	struct itimerval soon = {.it_value = {0, 3000}};
	unsigned a, b, c, d, mixed = 0;

	T_CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
	T_CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	while (!stop) {
		__cpuid(0, a, b, c, d);
		mixed = mixed * 31 + a + (unsigned)rounds;
		rounds++;
	}
	T_CHECK(rounds >= seen && rounds <= seen + 1);
	printf("stopped in round %lu, %x\n", seen, mixed);
	return 0;
}
