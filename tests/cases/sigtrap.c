/*
 * A program's own SIGTRAP while deja uses it for forced stops: int3 and int1 with a handler, in threads that
 * others want to stop; the signal blocked, and sent meanwhile, in a loop that is stopped; ignored
 * and by default. And what the handler of a signal that was forced in between two instructions
 * sees of the place: every register, the flags, the vectors, the mask.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile sig_atomic_t traps, alarms, stop;
static volatile int done;
static uint64_t mixed;

static void on_trap(int signo, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	traps++;
	T_CHECK(info->si_code == SI_KERNEL || info->si_code == TRAP_BRKPT || info->si_code == SI_TKILL ||
		info->si_code == SI_USER);
	if (info->si_code == SI_KERNEL)
		T_CHECK(((uint8_t *)uc->uc_mcontext.gregs[REG_RIP])[-1] == 0xcc);
	if (info->si_code == TRAP_BRKPT) /* not of a step that the kernel took for an int1 (preempt_is_step) */
		T_CHECK(((uint8_t *)uc->uc_mcontext.gregs[REG_RIP])[-1] == 0xf1);
}

/* All that it is told of the interrupted place. */
static void on_alarm(int signo, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	uint64_t mask;

	alarms++;
	stop = 1;
	memcpy(&mask, &uc->uc_sigmask, sizeof(mask));
	mixed = mixed * 31 + t_hash(uc->uc_mcontext.gregs, sizeof(uc->uc_mcontext.gregs));
	mixed = mixed * 31 + t_hash(uc->uc_mcontext.fpregs, 512);
	mixed = mixed * 31 + mask;
}

static void set_alarm(long us)
{
	struct itimerval soon = {.it_value = {0, us}};

	stop = 0;
	T_CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
}

/* Traps in the middle of a computation, until it is told to stop. */
__attribute__((noinline)) static uint64_t trapping(uint64_t n, volatile sig_atomic_t *flag)
{
	uint64_t rounds = 0;

	while (!*flag) {
		n = n * 6364136223846793005u + 1442695040888963407u;
		if (++rounds % 200000 == 0)
			__asm__ volatile("int3");
		if (rounds % 300000 == 0)
			__asm__ volatile(".byte 0xf1"); /* int1 */
	}
	return n ^ rounds;
}

static void *trapper(void *arg)
{
	uint64_t *result = arg;

	*result = trapping(*result, (volatile sig_atomic_t *)&done);
	return NULL;
}

static void in_threads(void)
{
	uint64_t result[2] = {1, 2};
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_create(&t[i], NULL, trapper, &result[i]) == 0);
	for (int i = 0; i < 4; i++)
		usleep(15000);
	done = 1;
	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_join(t[i], NULL) == 0);
	T_CHECK(traps > 0);
	printf("threads: %d traps, %016llx %016llx\n", (int)traps, (unsigned long long)result[0],
	       (unsigned long long)result[1]);
}

__attribute__((noinline, optimize("O2"))) static uint64_t computing(void)
{
	uint64_t n = 1;
	double d = 1;

	while (!stop) {
		n = n * 2862933555777941757u + 3037000493u;
		d *= 1.0000001;
	}
	return n + (uint64_t)d;
}

static void blocked(void)
{
	int before = traps;
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGTRAP);
	T_CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	set_alarm(30000);
	printf("blocked: %016llx", (unsigned long long)computing());
	T_CHECK(raise(SIGTRAP) == 0 && sigpending(&pending) == 0);
	T_CHECK(traps == before && sigismember(&pending, SIGTRAP));
	set_alarm(30000); /* and now with one waiting */
	printf(" %016llx", (unsigned long long)computing());
	T_CHECK(sigprocmask(SIG_SETMASK, NULL, &pending) == 0 && sigismember(&pending, SIGTRAP));
	T_CHECK(traps == before);
	T_CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && traps == before + 1);
	printf(" %016llx\n", (unsigned long long)mixed);
}

static void ignored(void)
{
	struct sigaction old;
	int status;
	pid_t pid;

	T_CHECK(sigaction(SIGTRAP, NULL, &old) == 0 && old.sa_sigaction == on_trap);
	T_CHECK(signal(SIGTRAP, SIG_IGN) != SIG_ERR && raise(SIGTRAP) == 0);
	set_alarm(20000);
	printf("ignored: %016llx\n", (unsigned long long)computing());
	fflush(stdout);
	T_CHECK(signal(SIGTRAP, SIG_DFL) == SIG_IGN);
	for (int i = 0; i < 2; i++) {
		pid = t_fork();
		if (pid == 0) {
			set_alarm(20000);
			printf("doomed: %016llx\n", (unsigned long long)computing());
			fflush(stdout);
			if (i)
				raise(SIGTRAP);
			else
				__asm__ volatile("int3");
			_exit(1);
		}
		T_CHECK(waitpid(pid, &status, 0) == pid);
		T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP);
	}
	T_CHECK(sigaction(SIGTRAP, &old, NULL) == 0);
}

int main(void)
{
	struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	struct sigaction alarm = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
	int before;

	T_CHECK(sigaction(SIGTRAP, &trap, NULL) == 0 && sigaction(SIGALRM, &alarm, NULL) == 0);
	__asm__ volatile("int3");
	T_CHECK(traps == 1);
	before = traps;
	set_alarm(40000);
	printf("alone: %016llx", (unsigned long long)trapping(7, &stop));
	printf(" %d traps, place %016llx\n", traps - before, (unsigned long long)mixed);
	in_threads();
	blocked();
	ignored();
	T_CHECK(alarms == 4);
	return 0;
}
