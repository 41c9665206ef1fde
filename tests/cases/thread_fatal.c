/*
 * Fatal signals to processes with threads that wait, compute and hold locks: sent to the
 * process, to one thread, by the kernel for a fault, a broken pipe or a limit, by a handler that
 * resets itself, by abort in spite of a handler. The parent sees which it was.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/resource.h>

static sem_t ready;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static volatile unsigned long counter;
static pid_t tids[3];

static void *waits(void *arg)
{
	tids[0] = gettid();
	sem_post(&ready);
	for (;;)
		pause();
	return arg;
}

/* In each third child without a call. */
static void *computes(void *arg)
{
	tids[1] = gettid();
	sem_post(&ready);
	for (;;) {
		counter++;
		if ((intptr_t)arg % 3)
			usleep(100);
	}
	return arg;
}

static void *locks(void *arg)
{
	tids[2] = gettid();
	sem_post(&ready);
	pthread_mutex_lock(&held);
	return arg;
}

static void once_more(int sig)
{
	dprintf(1, "%d caught signal %d\n", getpid(), sig);
	raise(sig);
}

static void gets_through(int sig)
{
	dprintf(1, "%d caught signal %d, as every time\n", getpid(), sig);
}

static void *dies(void *arg)
{
	struct sigaction reset = {.sa_handler = once_more, .sa_flags = SA_RESETHAND};
	volatile int zero = 0;
	int p[2];
	sigset_t all;

	switch ((intptr_t)arg) {
	case 0:
		kill(getpid(), SIGTERM);
		break;
	case 1:
		kill(getpid(), SIGKILL);
		break;
	case 2: /* a thread that waits, computes, or wants a lock */
		syscall(SYS_tgkill, getpid(), tids[0], SIGQUIT);
		break;
	case 3:
		syscall(SYS_tgkill, getpid(), tids[1], SIGRTMIN + 4);
		break;
	case 4:
		syscall(SYS_tgkill, getpid(), tids[2], SIGHUP);
		break;
	case 5:
		*(volatile int *)8 = 1;
		break;
	case 6:
		printf("%d\n", getpid() / zero);
		break;
	case 7:
		__asm__ volatile("ud2");
		break;
	case 8:
		T_CHECK(pipe(p) == 0 && close(p[0]) == 0);
		T_CHECK(write(p[1], "x", 1) == 0);
		break;
	case 9:
		T_CHECK(sigaction(SIGUSR1, &reset, NULL) == 0);
		raise(SIGUSR1);
		break;
	case 10:
		T_CHECK(signal(SIGABRT, gets_through) != SIG_ERR);
		abort();
	case 11: /* a fault whose signal is blocked kills all the same */
		sigfillset(&all);
		T_CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
		T_CHECK(signal(SIGSEGV, gets_through) != SIG_ERR);
		*(volatile int *)16 = 1;
		break;
	case 12:
		T_CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){100, 100}) == 0);
		T_CHECK(write(open("limited", O_CREAT | O_WRONLY, 0600), "x", 1) == 1);
		T_CHECK(pwrite(open("limited", O_WRONLY), "x", 1, 100) == 1);
		break;
	case 13:
		alarm(1);
		ualarm(1000, 0);
		break;
	case 14:
		*(volatile char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
				       open("empty", O_CREAT | O_RDWR, 0600), 0) = 1;
		break;
	}
	for (;;)
		pause();
}

static const int expected[] = {SIGTERM, SIGKILL, SIGQUIT, -4, SIGHUP, SIGSEGV, SIGFPE, SIGILL,
			       SIGPIPE, SIGUSR1, SIGABRT, SIGSEGV, SIGXFSZ, SIGALRM, SIGBUS};

static void child(intptr_t way)
{
	static void *(*const idlers[])(void *) = {waits, computes, locks};
	pthread_t th;

	T_CHECK(sem_init(&ready, 0, 0) == 0 && pthread_mutex_lock(&held) == 0);
	for (int i = 0; i < 3; i++)
		T_CHECK(pthread_create(&th, NULL, idlers[i], (void *)way) == 0);
	for (int i = 0; i < 3; i++)
		T_CHECK(sem_wait(&ready) == 0);
	printf("%ld: %d after %lu rounds\n", (long)way, getpid(), counter);
	fflush(stdout);
	if (way & 1)
		dies((void *)way);
	T_CHECK(pthread_create(&th, NULL, dies, (void *)way) == 0);
	pthread_join(th, NULL);
}

int main(void)
{
	for (size_t way = 0; way < sizeof(expected) / sizeof(expected[0]); way++) {
		int status, sig = expected[way] < 0 ? SIGRTMIN - expected[way] : expected[way];
		pid_t pid = t_fork();

		if (pid == 0) {
			child((intptr_t)way);
			_exit(1);
		}
		T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
		T_CHECK(WTERMSIG(status) == sig);
		printf("%d ended by %d\n", pid, WTERMSIG(status));
	}
	return 0;
}
