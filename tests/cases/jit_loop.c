/*
 * Loops in generated code, in anonymous memory, that make no call and are stopped by force: a signal
 * ends one, other threads want to run during another; the code is moved and written anew between. It
 * lies in the middle of a page and at its very end, where a jump has little room.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>

enum { PAGE = 4096 };

/* n in rdi; the flag's address in rsi, its 32 bits say when to stop. */
typedef uint64_t loop_fn(uint64_t n, volatile int *flag);

/* 1: lea (%rdi,%rdi,4), %rdi; add $imm, %rdi; cmpl $0, (%rsi); je 1b; mov %rdi, %rax; ret */
static const uint8_t in_registers[] = {0x48, 0x8d, 0x3c, 0xbf, 0x48, 0x81, 0xc7, 1, 2, 3, 4, 0x83,
				       0x3e, 0,	   0x74, 0xf0, 0x48, 0x89, 0xf8, 0xc3};
/* 1: incq 8(%rsi); cmpl $0, (%rsi); je 1b; mov 8(%rsi), %rax; ret */
static const uint8_t in_memory[] = {0x48, 0xff, 0x46, 0x08, 0x83, 0x3e, 0x00, 0x74,
				    0xf7, 0x48, 0x8b, 0x46, 0x08, 0xc3};
/* 1: cmpl $0, (%rsi); je 1b; mov %rdi, %rax; ret */
static const uint8_t spinning[] = {0x83, 0x3e, 0x00, 0x74, 0xfb, 0x48, 0x89, 0xf8, 0xc3};

static const struct {
	const uint8_t *code;
	size_t len;
} loops[] = {{in_registers, sizeof(in_registers)},
	     {in_memory, sizeof(in_memory)},
	     {spinning, sizeof(spinning)}};

static struct {
	volatile int flag;
	uint64_t count;
} shared __attribute__((aligned(16)));

static void on_alarm(int signo)
{
	shared.flag = 1;
}

static void *raiser(void *arg)
{
	usleep(25000);
	shared.flag = 1;
	return NULL;
}

static loop_fn *generate(uint8_t *page, unsigned which, size_t at)
{
	T_CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
	memset(page, 0xcc, PAGE);
	memcpy(page + at, loops[which].code, loops[which].len);
	T_CHECK(mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0);
	return (loop_fn *)(uintptr_t)(page + at);
}

int main(void)
{
	uint8_t *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t seed = t_seed();

	T_CHECK(page != MAP_FAILED && munmap(page + PAGE, PAGE) == 0);
	T_CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
	for (unsigned i = 0; i < 12; i++) {
		unsigned which = i % 3;
		size_t at = i < 6 ? 64 * i + i : PAGE - loops[which].len;
		struct itimerval soon = {.it_value = {0, 25000}};
		loop_fn *loop = generate(page, which, at);
		pthread_t t;

		shared.flag = 0;
		shared.count = seed;
		if (i & 1)
			T_CHECK(pthread_create(&t, NULL, raiser, NULL) == 0);
		else
			T_CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
		printf("%u: %016llx", i, (unsigned long long)loop(seed, &shared.flag));
		printf(" %llu\n", (unsigned long long)shared.count);
		if (i & 1)
			T_CHECK(pthread_join(t, NULL) == 0);
	}
	return 0;
}
