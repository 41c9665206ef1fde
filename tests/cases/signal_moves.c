/*
 * A handler finds where the program was interrupted, and has it go on elsewhere: in a function that returns there.
 * So Go's runtime stops a goroutine that loops, and its garbage collector waits for that. The place is the
 * program's own, also where a loop that waits, with PAUSE or without, leads by the recorder. (It was the
 * recorder's, where nothing could be done: the loop never ended, and who waited for it neither.)
 *
 * LDLIBS: -lpthread
 */
#include "victim.h"
#include <pthread.h>
#include <ucontext.h>

/* Until `go`, which nobody sets but redirected(). */
extern char loop_plain[], loop_pause[], loops_end[], redirected[];
__asm__(".text\n"
	".p2align 4\n"
	"loop_plain: cmpl $0, go(%rip)\n"
	"	je loop_plain\n"
	"	ret\n"
	".p2align 4\n"
	"loop_pause: pause\n"
	"	cmpl $0, go(%rip)\n"
	"	je loop_pause\n"
	"	ret\n"
	"loops_end: nop\n"
	".p2align 4\n"
	"redirected: movl $1, go(%rip)\n"
	"	ret\n");

extern volatile int go;
volatile int go;
static volatile int loops, elsewhere;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signo;
	(void)info;
	if (reg[REG_RIP] < (greg_t)loop_plain || reg[REG_RIP] >= (greg_t)loops_end) {
		elsewhere++;
		return;
	}
	reg[REG_RSP] -= 8;
	*(greg_t *)reg[REG_RSP] = reg[REG_RIP];
	reg[REG_RIP] = (greg_t)redirected;
}

static void *run(void *loop)
{
	loops = 1;
	((void (*)(void))loop)();
	loops = 0;
	return NULL;
}

static void try(const char *name, char *loop)
{
	pthread_t thread;
	int sent = 0;

	go = 0;
	T_CHECK(pthread_create(&thread, NULL, run, loop) == 0);
	while (!loops)
		usleep(1000);
	/* it has been found to wait before the first signal comes */
	usleep(100 * 1000);
	for (; loops && sent < 200; sent++) {
		T_CHECK(pthread_kill(thread, SIGUSR1) == 0);
		usleep(20 * 1000);
	}
	T_CHECK(go);
	T_CHECK(pthread_join(thread, NULL) == 0);
	printf("%s: %d sent, %d came elsewhere, at %lld\n", name, sent, elsewhere,
	       (long long)t_now_ns(CLOCK_MONOTONIC));
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

	T_CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		try("plain", loop_plain);
		try("pause", loop_pause);
	}
	return 0;
}
