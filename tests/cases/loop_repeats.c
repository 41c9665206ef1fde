/*
 * A loop stopped in the middle whose state comes again and again: an inner loop reads the same each
 * time, and what the outer one counts lies far from all that its registers and its stack name.
 * Shorter inner loops and longer ones, ended by SIGALRM.
 */
/* SOAK */
/* CFLAGS: -O1 */
#include "victim.h"
#include <sys/time.h>

struct counter {
	long room[200], rounds;
};
static struct {
	long room[200];
	struct counter *counter;
} *volatile holder;
static volatile sig_atomic_t stop;

static void on_alarm(int signo)
{
	stop = signo;
}

__attribute__((noinline)) static long sum(const int *of, long count)
{
	long total = 0;

	for (long i = 0; i < count; i++)
		total += of[i] ^ i;
	return total;
}

__attribute__((noinline)) static void count_round(void)
{
	holder->counter->rounds++;
}

int main(void)
{
	static const long lengths[] = {4000, 20000};
	static int numbers[20000];

	T_CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
	holder = calloc(1, sizeof(*holder));
	T_CHECK(holder && (holder->counter = calloc(1, sizeof(struct counter))));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		numbers[i] = (int)(i * 7);
	for (size_t i = 0; i < 4; i++) {
		struct itimerval soon = {.it_value = {0, 20000}};
		long total = 0;

		stop = 0;
		T_CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
		while (!stop) {
			total = sum(numbers, lengths[i % 2]);
			count_round();
		}
		printf("%ld after %ld rounds\n", total, holder->counter->rounds);
	}
	return 0;
}
