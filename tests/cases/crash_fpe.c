/*
 * A crash by an integer division by zero, after some output. Shows that the same death comes at the
 * same place, with what was printed before it.
 */
/* STATUS: 136 */
#include "victim.h"

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("pid %d at %ld, about to crash\n", getpid(), (long)t_now_ns(CLOCK_REALTIME));
	fprintf(stderr, "stack at %p\n", (void *)&(char){0});
	printf("%d\n", T_OPAQUE(getpid()) / T_OPAQUE(0));
	printf("not reached\n");
	return 0;
}
