/*
 * What CPUID tells is the processor's on which the thread happens to be. Topology libraries
 * (hwloc, LLVM's OpenMP) go from one to the next and ask each; here in any order, in the program,
 * in a thread, in a child and in a handler. Other leaves must be as the processor gives them, all
 * four registers, and no other register or flag touched.
 */
/* CFLAGS: -O1 */
/* LDLIBS: -lpthread */
/* SOAK */
#include "victim.h"
#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <sys/random.h>

static cpu_set_t there;
static int numbers[CPU_SETSIZE], count;

static void go(void)
{
	unsigned char draw;
	cpu_set_t one;

	T_CHECK(getrandom(&draw, 1, 0) == 1);
	CPU_ZERO(&one);
	CPU_SET(numbers[draw % count], &one);
	T_CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
}

/* Who we are: the initial APIC id. */
static unsigned who(void)
{
	unsigned a, b, c, d;

	__cpuid(1, a, b, c, d);
	return b >> 24;
}

/* The flags and what is not its own stay; a branch leads back to behind it, so that it is no jump. */
__attribute__((noinline)) static unsigned trapping(void)
{
	uint64_t id, flags, kept = 0x1122334455667788;

	__asm__ volatile("mov $3, %%r8d; 1: mov $1, %%eax; xor %%ecx, %%ecx; mov %2, %%r9; stc; cpuid; 2: pushf; pop %1;"
			 "dec %%r8d; jz 3f; cmp $1, %%r8d; je 1b; jmp 1b; 3: shr $24, %%ebx; mov %%rbx, %0; mov %%r9, %2"
			 : "=r"(id), "=&r"(flags), "+r"(kept)
			 :
			 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "cc");
	T_CHECK(flags & 1);
	T_CHECK(kept == 0x1122334455667788);
	T_CHECK(id >> 8 == 0);
	return (unsigned)id;
}

static void ask(const char *where)
{
	printf("%s:", where);
	for (int i = 0; i < 40; i++) {
		go();
		printf(" %u.%u", who(), trapping());
	}
	printf("\n");
}

static void handler(int signo)
{
	go();
	printf("handler %d: %u\n", signo, who());
}

static void *thread(void *unused)
{
	ask("thread");
	return unused;
}

int main(void)
{
	unsigned a, b, c, d, vendor[3];
	pthread_t t;
	pid_t pid;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	T_CHECK(sched_getaffinity(0, sizeof(there), &there) == 0);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &there))
			numbers[count++] = i;
	printf("%d processors, process %d\n", count, (int)getpid());
	for (unsigned leaf = 0; leaf < 5; leaf++) {
		__cpuid_count(leaf, 0, a, b, c, d);
		printf("leaf %u: %#x %#x %#x %#x\n", leaf, a, b, c, d);
	}
	__cpuid(0, a, vendor[0], vendor[2], vendor[1]);
	T_CHECK(a >= 1 && vendor[0] > 0xffffff && vendor[1] > 0xffffff && vendor[2] > 0xffffff);
	printf("%.12s\n", (char *)vendor);
	ask("program");
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	T_CHECK(pthread_create(&t, NULL, thread, NULL) == 0);
	pthread_join(t, NULL);
	pid = fork();
	if (!pid) {
		ask("child");
		_exit(3);
	}
	T_CHECK(waitpid(pid, &status, 0) == pid && status == 3 << 8);
	return 0;
}
