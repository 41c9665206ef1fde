/*
 * What a handler may do, in a process with threads: make every kind of call, allocate, take
 * faults and repair them, be interrupted by others that its mask lets in, leave by siglongjmp
 * out of three of them at once and from an alternate stack, change the mask and registers it
 * returns to. SA_RESTART and its absence for calls that wait, SA_NODEFER, SA_RESETHAND with two
 * threads that take the signal, a handler replaced while threads take it.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <ucontext.h>

enum { PAGE = 4096, NESTED = 5 };

static sem_t up;
static __thread char alt[65536];
static __thread sigjmp_buf env;
static __thread volatile int depth, deepest, repaired, ran, on_alt;
static __thread unsigned long order;
static __thread char *page;
static volatile int resets, replaced[2], stop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void install(int sig, void (*fn)(int, siginfo_t *, void *), int flags, const int *blocked)
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};

	sigemptyset(&sa.sa_mask);
	while (blocked && *blocked)
		sigaddset(&sa.sa_mask, *blocked++);
	T_CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void wait_up(void)
{
	while (sem_wait(&up))
		T_CHECK(errno == EINTR);
}

static void repair(int sig, siginfo_t *si, void *uc)
{
	char here;

	(void)sig, (void)uc;
	T_CHECK((char *)si->si_addr >= page && (char *)si->si_addr < page + PAGE);
	T_CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
	on_alt = &here > alt && &here < alt + sizeof(alt);
	repaired++;
}

/* Calls of every kind, and a fault, in a handler. */
static void busy(int sig, siginfo_t *si, void *uc)
{
	int p[2], fd, saved = errno, status;
	char buf[64];
	pid_t pid;

	(void)uc;
	T_CHECK(pipe(p) == 0 && write(p[1], "abc", 3) == 3 && read(p[0], buf, 9) == 3);
	fd = open("/proc/self/stat", O_RDONLY);
	T_CHECK(fd >= 0 && read(fd, buf, sizeof(buf)) > 0);
	close(fd), close(p[0]), close(p[1]);
	pid = vfork();
	if (pid == 0)
		_exit(9);
	T_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
	usleep(50);
	T_CHECK(mprotect(page, PAGE, PROT_NONE) == 0);
	page[sig] = (char)si->si_code;
	ran++;
	errno = saved;
}

static void *takes_busy(void *arg)
{
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};
	unsigned long sum = 0;

	if ((intptr_t)arg & 1)
		T_CHECK(sigaltstack(&ss, NULL) == 0);
	page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T_CHECK(page != MAP_FAILED);
	sem_post(&up);
	while (ran < ((intptr_t)arg ? 6 : 2)) /* who computes holds the others up */
		switch ((intptr_t)arg) {
		case 0:
			for (int i = 0; i < 1000; i++)
				sum += (unsigned long)i * sum + 1;
			break;
		case 1:
			poll(NULL, 0, 1);
			break;
		default:
			T_CHECK(pthread_mutex_lock(&lock) == 0);
			T_CHECK(pthread_mutex_unlock(&lock) == 0);
		}
	T_CHECK(repaired == ran && on_alt == ((intptr_t)arg & 1));
	return (void *)sum;
}

static void handlers_that_do_much(void)
{
	pthread_t th[3];
	void *sum;

	install(SIGSEGV, repair, SA_ONSTACK, NULL);
	install(SIGUSR1, busy, 0, NULL);
	for (intptr_t i = 0; i < 3; i++)
		T_CHECK(pthread_create(&th[i], NULL, takes_busy, (void *)i) == 0);
	for (int i = 0; i < 3; i++)
		wait_up();
	for (int i = 0; i < 3; i++) {
		while (pthread_tryjoin_np(th[i], &sum)) {
			int rc = pthread_kill(th[i], SIGUSR1);

			T_CHECK(rc == 0 || rc == ESRCH);
			usleep(700);
		}
		printf("%d: %p\n", i, sum);
	}
}

/* Each lets in the next ones only, and stays pending itself; the last leaves them all. */
static void nest(int sig, siginfo_t *si, void *uc)
{
	int mine = ++depth;

	(void)si, (void)uc;
	deepest = mine > deepest ? mine : deepest;
	order = order * 8 + (unsigned)(sig - SIGRTMIN);
	if (repaired < 0) { /* left already: what was pending comes then */
		depth--;
		return;
	}
	if (sig == SIGRTMIN + NESTED) {
		repaired = -1;
		siglongjmp(env, 5);
	}
	T_CHECK(raise(sig) == 0 && depth == mine);
	raise(sig + 1);
	T_CHECK(!"came back");
}

static void again(int sig, siginfo_t *si, void *uc)
{
	(void)si, (void)uc;
	if (++depth < 4)
		raise(sig);
	deepest = depth > deepest ? depth : deepest;
}

static void change_context(int sig, siginfo_t *si, void *uc)
{
	ucontext_t *u = uc;

	(void)sig, (void)si;
	sigaddset(&u->uc_sigmask, SIGHUP);
	sigdelset(&u->uc_sigmask, SIGTERM);
}

static void nesting(void)
{
	int blocked[NESTED + 1] = {0};
	sigset_t mask;
	int rc;

	for (int i = 0; i < NESTED; i++) {
		blocked[i] = SIGRTMIN + i;
		install(SIGRTMIN + i, nest, 0, blocked);
	}
	install(SIGRTMIN + NESTED, nest, 0, NULL);
	depth = deepest = repaired = 0;
	rc = sigsetjmp(env, 1);
	if (rc == 0)
		raise(SIGRTMIN);
	/* of those that were pending the lowest is entered first, and interrupted by the next */
	T_CHECK(rc == 5 && deepest == NESTED + 2 && order == 01234543210);
	T_CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	for (int i = 0; i <= NESTED; i++)
		T_CHECK(!sigismember(&mask, SIGRTMIN + i));

	depth = deepest = 0;
	install(SIGUSR2, again, SA_NODEFER, NULL);
	T_CHECK(raise(SIGUSR2) == 0 && deepest == 4);
	depth = deepest = 0;
	install(SIGUSR2, again, 0, NULL);
	T_CHECK(raise(SIGUSR2) == 0 && deepest == 4 && depth == 4);

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	T_CHECK(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0);
	install(SIGUSR2, change_context, 0, NULL);
	T_CHECK(raise(SIGUSR2) == 0 && pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	T_CHECK(sigismember(&mask, SIGHUP) && !sigismember(&mask, SIGTERM));
	sigemptyset(&mask);
	T_CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
}

static void once(int sig, siginfo_t *si, void *uc)
{
	(void)si, (void)uc;
	T_CHECK(sig == SIGURG); /* SIG_DFL ignores it */
	__atomic_add_fetch(&resets, 1, __ATOMIC_SEQ_CST);
}

static void first(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	__atomic_add_fetch(&replaced[0], 1, __ATOMIC_SEQ_CST);
}

static void second(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	__atomic_add_fetch(&replaced[1], 1, __ATOMIC_SEQ_CST);
}

static void *idles(void *arg)
{
	sem_post(&up);
	while (!stop)
		usleep(200);
	return arg;
}

static void shared_by_threads(void)
{
	pthread_t th[2];

	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_create(&th[i], NULL, idles, NULL) == 0);
	wait_up(), wait_up();
	for (int i = 0; i < 10; i++) {
		int before = resets;

		install(SIGURG, once, SA_RESETHAND, NULL);
		for (int k = 0; k < 2; k++)
			T_CHECK(pthread_kill(th[k], SIGURG) == 0);
		while (resets == before)
			usleep(100);
	}
	for (int i = 0; i < 40; i++) {
		install(SIGUSR2, i & 1 ? first : second, SA_RESTART, NULL);
		T_CHECK(pthread_kill(th[i & 1], SIGUSR2) == 0);
		if (i & 2)
			usleep(100);
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	printf("reset %d, first %d, second %d\n", resets, replaced[0], replaced[1]);
}

/* --- calls that wait --- */

enum { READ, ACCEPT, RECV, WAIT, FLOCK, LOCK, SEM, POLL, SLEEP, CALLS };

static struct {
	int pipe[2], listening, pair[2], locked;
	pid_t child;
	pthread_t thread;
	volatile bool ended;
	volatile int returned;
	sem_t sem;
} w;

static long wait_in(int call)
{
	char byte;

	switch (call) {
	case READ:
		return read(w.pipe[0], &byte, 1);
	case ACCEPT:
		return accept(w.listening, NULL, NULL);
	case RECV:
		return recv(w.pair[0], &byte, 1, 0);
	case WAIT:
		return waitpid(w.child, NULL, 0);
	case FLOCK:
		return flock(w.locked, LOCK_EX);
	case LOCK:
		return pthread_mutex_lock(&lock);
	case SEM:
		return sem_wait(&w.sem);
	case POLL:
		return poll(NULL, 0, 100000);
	default:
		return nanosleep(&(struct timespec){100, 0}, NULL);
	}
}

static void on_interrupt(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	ran++;
}

static void *waits(void *arg)
{
	long rc;

	ran = 0;
	sem_post(&up);
	rc = wait_in((int)(intptr_t)arg);
	w.returned = rc < 0 ? -errno : 0;
	w.ended = true;
	return (void *)(intptr_t)ran;
}

/* Which of them a signal ends, with SA_RESTART and without; those that go on are let go. */
static void restarts(int flags)
{
	static const bool ends[CALLS] = {[POLL] = true, [SLEEP] = true};

	install(SIGUSR1, on_interrupt, flags, NULL);
	for (int call = 0; call < CALLS; call++) {
		struct sockaddr_storage addr;
		socklen_t len = sizeof(addr);
		int to, held, start[2];
		bool expected = ends[call] || (!flags && call != LOCK);
		void *signals;

		T_CHECK(pipe(w.pipe) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, w.pair) == 0);
		w.listening = socket(AF_INET, SOCK_STREAM, 0);
		T_CHECK(w.listening >= 0 && listen(w.listening, 1) == 0 && pipe(start) == 0);
		T_CHECK(getsockname(w.listening, (struct sockaddr *)&addr, &len) == 0);
		w.locked = open("lock", O_CREAT | O_RDWR, 0600);
		held = open("lock", O_RDWR);
		T_CHECK(flock(held, LOCK_EX) == 0 && pthread_mutex_lock(&lock) == 0);
		T_CHECK(sem_init(&w.sem, 0, 0) == 0);
		w.child = t_fork();
		if (w.child == 0) {
			char byte;

			close(start[1]);
			_exit((int)read(start[0], &byte, 1));
		}
		w.ended = false;
		T_CHECK(pthread_create(&w.thread, NULL, waits, (void *)(intptr_t)call) == 0);
		wait_up();
		usleep(1000);
		for (int i = 0; i < 3 || (expected && !w.ended); i++) {
			int rc = pthread_kill(w.thread, SIGUSR1);

			T_CHECK(rc == 0 || rc == ESRCH);
			usleep(500);
		}
		if (!expected)
			T_CHECK(!w.ended);
		T_CHECK(write(w.pipe[1], "x", 1) == 1 && write(w.pair[1], "x", 1) == 1);
		T_CHECK(flock(held, LOCK_UN) == 0 && pthread_mutex_unlock(&lock) == 0);
		sem_post(&w.sem);
		close(start[1]), close(start[0]);
		to = socket(AF_INET, SOCK_STREAM, 0);
		T_CHECK(connect(to, (struct sockaddr *)&addr, len) == 0);
		T_CHECK(pthread_join(w.thread, &signals) == 0);
		T_CHECK(w.returned == (expected ? -EINTR : 0));
		if (call == LOCK)
			T_CHECK(pthread_mutex_unlock(&lock) == 0);
		if (call != WAIT || expected)
			t_wait_exit(w.child, 0);
		printf("call %d: %ld signals\n", call, (long)(intptr_t)signals);
		close(to), close(held), close(w.locked), close(w.listening);
		close(w.pipe[0]), close(w.pipe[1]), close(w.pair[0]), close(w.pair[1]);
	}
}

int main(void)
{
	T_CHECK(sem_init(&up, 0, 0) == 0);
	handlers_that_do_much();
	nesting();
	shared_by_threads();
	restarts(0);
	restarts(SA_RESTART);
	printf("at %lld\n", (long long)t_now_ns(CLOCK_MONOTONIC));
	return 0;
}
