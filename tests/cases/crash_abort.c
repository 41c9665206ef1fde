/*
 * A crash by abort(3), after some output. Shows that the same death comes at the
 * same place, with what was printed before it.
 */
/* STATUS: 134 */
#include "victim.h"

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("pid %d at %ld, about to crash\n", getpid(), (long)t_now_ns(CLOCK_REALTIME));
	fprintf(stderr, "stack at %p\n", (void *)&(char){0});
	abort();
}
