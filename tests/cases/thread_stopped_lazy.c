/*
 * Threads stopped in loops right behind the first call of a function: what the dynamic linker left in
 * registers when it looked the function up points into the preloaded object, which is another one in
 * a replay.
 */
/* CFLAGS: -O2 -Wl,-z,lazy */
/* LDLIBS: -lpthread */
/* SOAK */
#include "victim.h"
#include <pthread.h>

enum { ROUNDS = 6 };

static volatile int turn;
static unsigned long order;

/* Nothing between the call and the loop, nor in it, that would change another register. */
#define HAND_OVER(name, call)                                    \
	static __attribute__((noinline)) void name(int self)     \
	{                                                        \
		call();                                          \
		while (turn != self)                             \
			;                                        \
	}
HAND_OVER(by_getppid, getppid)
HAND_OVER(by_getpgrp, getpgrp)
HAND_OVER(by_getuid, getuid)
HAND_OVER(by_geteuid, geteuid)
HAND_OVER(by_getgid, getgid)
HAND_OVER(by_getegid, getegid)

static void *thread(void *arg)
{
	static void (*const each[ROUNDS])(int) = {by_getppid, by_getpgrp, by_getuid,
						  by_geteuid, by_getgid,  by_getegid};
	int self = (int)(long)arg;

	for (int r = 0; r < ROUNDS; r++) {
		each[r](self);
		order = order * 31 + (unsigned long)self;
		turn = !self;
	}
	return arg;
}

int main(void)
{
	pthread_t t;

	T_CHECK(pthread_create(&t, NULL, thread, (void *)1L) == 0);
	thread((void *)0L);
	pthread_join(t, NULL);
	printf("%d: order %lx\n", (int)getpid(), order);
	return 0;
}
