/*
 * A thread that is stopped in code which it has made itself since its last call: byte by byte, in
 * one piece, in memory that the call has just mapped, over the end of a page, with all signals blocked,
 * over other code, again and again. Another thread sleeps meanwhile and ends the computation.
 */
/* SOAK */
/* CFLAGS: -O1 */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, ROOM = 2 * PAGE };
enum way { BYTES, PIECE, MAPPED, BORDER, BLOCKED, AGAIN, WAYS };

static volatile int stop;
static volatile unsigned long rounds;

/* do (*rounds)++; while (!*stop && (*rounds & 0xfffff)); then nops, so that the next begins elsewhere */
static const unsigned char loop[] = {
	0x48, 0xff, 0x06,			 /* incq (%rsi) */
	0x83, 0x3f, 0x00,			 /* cmpl $0, (%rdi) */
	0x75, 0x09,				 /* jne to the end */
	0xf7, 0x06, 0xff, 0xff, 0x0f, 0x00,	 /* testl $0xfffff, (%rsi) */
	0x75, 0xf0,				 /* jne to the beginning */
	0x90,
	0xc3,
};
typedef void loop_function(volatile int *stop, volatile unsigned long *rounds);

static unsigned char *map(void)
{
	unsigned char *at = mmap(NULL, ROOM, PROT_READ | PROT_WRITE | PROT_EXEC,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	T_CHECK(at != MAP_FAILED);
	return at;
}

static void copy(unsigned char *to, bool in_one_piece)
{
	const unsigned char *from = loop;
	size_t len = sizeof(loop);

	if (in_one_piece)
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
	else
		for (size_t i = 0; i < len; i++)
			((volatile unsigned char *)to)[i] = from[i];
}

static void *compute(void *arg)
{
	enum way way = (enum way)(intptr_t)arg;
	sigset_t all;
	unsigned char *memory, *at;

	sigfillset(&all);
	T_CHECK(pthread_sigmask(way == BLOCKED ? SIG_SETMASK : SIG_BLOCK, way == BLOCKED ? &all : NULL,
				NULL) == 0);
	memory = map();
	if (way != MAPPED) {
		memset(memory, 0xcc, ROOM);
		usleep(1000);
	}
	at = memory + (way == BORDER ? PAGE - 5 : 64);
	do {
		if (way == AGAIN)
			at = memory + 64 + rounds % 7;
		copy(at, way == PIECE);
		((loop_function *)at)(&stop, &rounds);
		if (way == AGAIN)
			memset(memory, 0xcc, 128);
	} while (!stop);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	for (intptr_t way = 0; way < WAYS; way++) {
		stop = 0;
		rounds = 0;
		T_CHECK(pthread_create(&thread, NULL, compute, (void *)way) == 0);
		usleep(15000);
		stop = 1;
		T_CHECK(pthread_join(thread, NULL) == 0);
		printf("%lu rounds\n", rounds);
	}
	return 0;
}
