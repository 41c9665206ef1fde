/*
 * The processor's own instructions that a program cannot predict: random numbers of every width
 * and into every kind of register, with their flags; the time stamp counter; the processor's number.
 * In the program, in a thread, in a library opened later, in a child, in a signal handler, with all
 * signals blocked, in loops that do nothing else; and the same opcode where it is a fault keeps being
 * one. Some of them are followed by what a jump cannot replace.
 */
/* CFLAGS: -O1 */
/* LDLIBS: -lpthread -ldl */
/* SOAK */
#include "victim.h"
#include <cpuid.h>
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/time.h>
#include <x86intrin.h>

static bool has_rdrand, has_rdseed, has_rdpid;

/* Each draws until there is a number, so that flags decide. */
#define DRAW(name, insn, type, constraint)                                               \
	__attribute__((noinline)) static type name(void)                                 \
	{                                                                                \
		type v = (type)0x1111111111111111;                                       \
		unsigned char ok = 0;                                                    \
		while (!ok)                                                              \
			__asm__ volatile(insn " %0; setc %1"                             \
					 : constraint(v), "=qm"(ok) : : "cc");           \
		return v;                                                                \
	}
DRAW(rand16, "rdrand", uint16_t, "=r")
DRAW(rand32, "rdrand", uint32_t, "=r")
DRAW(rand64, "rdrand", uint64_t, "=r")
DRAW(rand_rdi, "rdrand", uint64_t, "=D")
DRAW(seed16, "rdseed", uint16_t, "=r")
DRAW(seed32, "rdseed", uint32_t, "=r")
DRAW(seed64, "rdseed", uint64_t, "=r")

/* The upper half of r9 goes, that of r10 stays; the other flags are cleared. */
__attribute__((noinline)) static uint64_t rand_high(uint64_t *kept)
{
	uint64_t flags, v;

	__asm__ volatile("1: mov $-1, %%r9; mov $-1, %%r10; cmp %%r9, %%r10; rdrand %%r9d; jnc 1b\n\t"
			 "pushf; pop %1; 2: rdrand %%r10w; jnc 2b; mov %%r9, %0; mov %%r10, %2"
			 : "=r"(v), "=r"(flags), "=r"(*kept)
			 :
			 : "r9", "r10", "cc");
	T_CHECK((flags & 0x8d5) == 1);
	T_CHECK(v >> 32 == 0 && *kept >> 16 == 0xffffffffffff);
	return v;
}

/* The end of the loop is where a jump over the instruction would end: it has to be a trap. */
__attribute__((noinline)) static uint64_t trapping_counter(void)
{
	uint64_t low, high;

	__asm__ volatile("mov $3, %%ecx; 1: rdtsc; 2: dec %%ecx; jz 3f; cmp $1, %%ecx; je 2b; jmp 1b; 3:"
			 : "=a"(low), "=d"(high) : : "rcx", "cc");
	return high << 32 | low;
}

__attribute__((noinline)) static uint64_t processor(void)
{
	uint64_t v = 0;

	__asm__ volatile("rdpid %0" : "=r"(v));
	return v;
}

static void say(const char *who)
{
	uint64_t kept;
	unsigned core;

	if (has_rdrand) {
		printf("%s %04x %08x %016llx %016llx", who, rand16(), rand32(),
		       (unsigned long long)rand64(), (unsigned long long)rand_rdi());
		printf(" %llx", (unsigned long long)rand_high(&kept));
		printf(" %llx\n", (unsigned long long)kept);
	}
	if (has_rdseed)
		printf("%s %04x %08x %016llx\n", who, seed16(), seed32(),
		       (unsigned long long)seed64());
	if (has_rdpid)
		printf("%s on %llx\n", who, (unsigned long long)processor());
	printf("%s %llu %llu", who, (unsigned long long)trapping_counter(),
	       (unsigned long long)__rdtsc());
	printf(" %llu", (unsigned long long)__rdtscp(&core));
	printf(" %u\n", core);
	fflush(stdout);
}

static void *thread(void *arg)
{
	uint64_t mixed = 0;

	for (int i = 0; i < 500; i++)
		mixed = mixed * 31 + (has_rdrand ? rand64() : __rdtsc());
	*(uint64_t *)arg = mixed;
	say("thread");
	return NULL;
}

static void on_usr1(int signo)
{
	say("handler");
}

static sigjmp_buf back;
static volatile int faults;

static void on_ill(int signo, siginfo_t *info, void *context)
{
	faults++;
	siglongjmp(back, 1);
}

/* A trap of the program's own, with and without a handler. */
static void fault(void)
{
	struct sigaction act = {.sa_sigaction = on_ill, .sa_flags = SA_SIGINFO}, old;
	int status;
	pid_t pid;

	T_CHECK(sigaction(SIGILL, &act, &old) == 0 && old.sa_handler == SIG_DFL);
	if (!sigsetjmp(back, 1))
		__asm__ volatile("ud2");
	T_CHECK(faults == 1);
	say("trapping");
	T_CHECK(sigaction(SIGILL, &old, &act) == 0 && act.sa_sigaction == on_ill);
	pid = t_fork();
	if (pid == 0) {
		say("doomed");
		__asm__ volatile("ud2");
		_exit(1);
	}
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		WTERMSIG(status) == SIGILL);
}

static volatile sig_atomic_t rung;

static void on_alarm(int signo)
{
	rung++;
	__rdtsc();
}

static void *ringer(void *arg)
{
	usleep(15000);
	rung++;
	return NULL;
}

/* Nothing but the counter is asked for: a signal, and another thread, get their turn all the same. */
static void polling(void)
{
	struct itimerval soon = {.it_value = {0, 15000}};
	unsigned long rounds = 0, mixed = 0;
	pthread_t t;

	T_CHECK(signal(SIGALRM, on_alarm) != SIG_ERR && setitimer(ITIMER_REAL, &soon, NULL) == 0);
	for (; rung < 1; rounds++)
		mixed = mixed * 31 + __rdtsc();
	T_CHECK(pthread_create(&t, NULL, ringer, NULL) == 0);
	for (; rung < 2; rounds++)
		mixed = mixed * 31 + (has_rdrand ? rand32() : __rdtsc());
	T_CHECK(pthread_join(t, NULL) == 0);
	printf("polled %lu times: %016lx\n", rounds, mixed);
}

/* std::random_device, which takes what the processor has; in a library that is opened while threads
 * with all signals blocked run. */
static void library(void)
{
	struct {
		const char *text;
		size_t len;
		char room[16];
	} token = {"default", 7, ""}; /* a std::string */
	uint64_t device[1024] = {0};
	void (*init)(void *, void *);
	unsigned (*draw)(void *);
	void *lib = dlopen("libstdc++.so.6", RTLD_NOW);

	T_CHECK(lib);
	init = (void (*)(void *, void *))dlsym(
		lib, "_ZNSt13random_device7_M_initERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE");
	draw = (unsigned (*)(void *))dlsym(lib, "_ZNSt13random_device9_M_getvalEv");
	T_CHECK(init && draw);
	init(device, &token);
	printf("std::random_device %08x %08x\n", draw(device), draw(device));
}

int main(int argc, char **argv)
{
	unsigned a, b = 0, c = 0, d;
	uint64_t mixed[2];
	pthread_t t[2];
	sigset_t all, now;
	int status;
	pid_t pid;

	__get_cpuid(1, &a, &b, &c, &d);
	has_rdrand = c & bit_RDRND;
	b = c = 0;
	__get_cpuid_count(7, 0, &a, &b, &c, &d);
	has_rdseed = b & bit_RDSEED;
	has_rdpid = c & bit_RDPID;
	say("main");
	if (argc > 1) {
		T_CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGILL) == 1);
		return 0;
	}
	T_CHECK(signal(SIGUSR1, on_usr1) != SIG_ERR && raise(SIGUSR1) == 0);
	sigfillset(&all);
	T_CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_create(&t[i], NULL, thread, &mixed[i]) == 0);
	library();
	say("blocked");
	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_join(t[i], NULL) == 0);
	printf("%016llx %016llx\n", (unsigned long long)mixed[0], (unsigned long long)mixed[1]);
	T_CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0 && sigismember(&now, SIGILL) == 1);
	sigemptyset(&all);
	T_CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	polling();
	fault();
	pid = t_fork();
	if (pid == 0) {
		say("child");
		sigaddset(&all, SIGILL);
		T_CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
		execl("/proc/self/exe", argv[0], "again", (char *)NULL);
		_exit(1);
	}
	T_CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	return 0;
}
