/*
 * Code that is stopped in the middle of a computation right after a large mapping was made beside
 * it: what a replay plants to find the place again, from the call before on, must not lie where
 * that mapping will.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/mman.h>

enum { PAGE = 4096, ROUNDS = 4 };
#define BESIDE ((size_t)1 << 30)
typedef uint64_t code_fn(volatile char *flag);

static volatile char flag;
static int go[2];

static void *raise_flag(void *arg)
{
	char c;

	T_CHECK(read(go[0], &c, 1) == 1);
	usleep(1000);
	flag = 1;
	return arg;
}

int main(void)
{
	static const uint8_t count[] = {0x31, 0xc0,		/* xorl %eax, %eax */
					0x48, 0x83, 0xc0, 0x01, /* 1: addq $1, %rax */
					0x80, 0x3f, 0x00,	/* cmpb $0, (%rdi) */
					0x74, 0xf7, 0xc3};	/* je 1b; ret */
	uint8_t *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	T_CHECK(code != MAP_FAILED && pipe(go) == 0);
	memcpy(code, count, sizeof(count));
	for (int round = 0; round < ROUNDS; round++) {
		pthread_t th;
		void *beside;
		uint64_t n;

		flag = 0;
		T_CHECK(pthread_create(&th, NULL, raise_flag, NULL) == 0);
		t_write_all(go[1], "x", 1);
		beside = mmap(NULL, BESIDE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		n = ((code_fn *)(uintptr_t)code)(&flag);
		T_CHECK(beside != MAP_FAILED && munmap(beside, BESIDE) == 0);
		T_CHECK(pthread_join(th, NULL) == 0);
		printf("%d: %llu\n", round, (unsigned long long)n);
	}
	return 0;
}
