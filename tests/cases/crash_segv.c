/*
 * A crash by a write through a null pointer, after some output. Shows that the same death comes at the
 * same place, with what was printed before it.
 */
/* STATUS: 139 */
#include "victim.h"

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("pid %d at %ld, about to crash\n", getpid(), (long)t_now_ns(CLOCK_REALTIME));
	fprintf(stderr, "stack at %p\n", (void *)&(char){0});
	*T_OPAQUE((volatile int *)0) = getpid();
	printf("not reached\n");
	return 0;
}
