/*
 * Threads that do what the kernel's random numbers tell them, of all that threads can do: locks of each kind,
 * waiting with and without a time, pipes, sockets with descriptors, signals to each other that interrupt
 * computations, jumps out of handlers, faults that a handler repairs, timers, fork, vfork, posix_spawn, popen,
 * threads that end at once, are cancelled in a call or in a loop, and data that all of them race for. Each
 * thread mixes whatever it sees into one number. What the other victims show one by one meets here.
 */
/* CFLAGS: -O2 */
/* LDLIBS: -lpthread */
/* SOAK */
#include "victim.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

extern char **environ;

enum { THREADS = 4, STEPS = 100, WORDS = 64, PIPES = 3, SPIN_MAX = 200000, NEVER = PIPES };

static pthread_mutex_t locks[4] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
				   PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP, PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP};
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem;
static pthread_t threads[THREADS];
static atomic_int running;
static volatile uint64_t racy[WORDS];
static atomic_uint_fast64_t counter;
static int pipes[PIPES + 1][2], sockets[2], event, epoll, file;
static volatile uint64_t *shared;
static volatile unsigned long handled;
static volatile uint64_t seen_by_handlers;
static __thread volatile uint64_t mine;
static __thread sigjmp_buf *volatile back;

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
	h *= 0xff51afd7ed558ccdull;
	return h ^ h >> 33;
}

static uint64_t mix_bytes(uint64_t h, const void *bytes, ssize_t len)
{
	for (ssize_t i = 0; i < len; i++)
		h = mix(h, ((const uint8_t *)bytes)[i]);
	return mix(h, (uint64_t)len);
}

/* --- handlers --- */

static void on_signal(int signo, siginfo_t *info, void *context)
{
	int kept = errno;
	char c;

	handled++;
	seen_by_handlers = mix(seen_by_handlers, racy[signo % WORDS] + (uint64_t)info->si_code);
	mine = mix(mine, handled + seen_by_handlers);
	racy[handled % WORDS] = mine;
	if (handled % 7 == 0 && read(pipes[0][0], &c, 1) == 1)
		mine = mix(mine, (uint64_t)c);
	errno = kept;
	(void)context;
}

static void on_jump(int signo)
{
	sigjmp_buf *to = back;

	back = NULL;
	if (to)
		siglongjmp(*to, signo);
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	void *page = (void *)((uintptr_t)info->si_addr & ~4095ul);

	if (mprotect(page, 4096, PROT_READ | PROT_WRITE))
		_exit(66);
	mine = mix(mine, (uint64_t)signo);
	(void)context;
}

/* --- threads that a step makes --- */

static void *short_one(void *arg)
{
	mine = mix((uintptr_t)arg, (uint64_t)t_now_ns(CLOCK_MONOTONIC));
	racy[3] += mine;
	pthread_mutex_lock(&locks[1]);
	racy[4] ^= mine;
	pthread_mutex_unlock(&locks[1]);
	return (void *)(uintptr_t)mine;
}

static void *cancelled_in_call(void *arg)
{
	char c;

	while (read(pipes[NEVER][0], &c, 1) < 0)
		;
	return arg;
}

static void *cancelled_anywhere(void *arg)
{
	int old;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	for (;;)
		racy[5]++;
	return arg;
}

/* --- steps: each takes what the thread has seen, and some bits of chance --- */

static struct timespec some_time(unsigned arg)
{
	return (struct timespec){0, (long)(arg % 100000)};
}

static int wait_for_child(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static uint64_t compute(uint64_t h, unsigned arg)
{
	for (unsigned i = 0; i < arg % 3000; i++)
		racy[i % WORDS] = mix(racy[(i + 1) % WORDS], i + h);
	return mix(h, racy[arg % WORDS]);
}

static uint64_t lock(uint64_t h, unsigned arg)
{
	struct timespec pause = some_time(arg);

	pthread_mutex_lock(&locks[arg % 4]);
	h = mix(h, ++racy[arg % 8]);
	if (arg & 0x1000)
		nanosleep(&pause, NULL);
	pthread_mutex_unlock(&locks[arg % 4]);
	return h;
}

static uint64_t wait_for_cond(uint64_t h, unsigned arg)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += arg % 500000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&locks[0]);
	h = mix(h, (uint64_t)pthread_cond_timedwait(&cond, &locks[0], &until));
	pthread_mutex_unlock(&locks[0]);
	return h;
}

static uint64_t tell_cond(uint64_t h, unsigned arg)
{
	if (arg & 1)
		pthread_cond_signal(&cond);
	else
		pthread_cond_broadcast(&cond);
	return h;
}

static uint64_t semaphore(uint64_t h, unsigned arg)
{
	return mix(h, (uint64_t)(arg & 1 ? sem_post(&sem) : sem_trywait(&sem)));
}

static uint64_t read_write_lock(uint64_t h, unsigned arg)
{
	if (arg & 1)
		pthread_rwlock_rdlock(&rwlock);
	else
		pthread_rwlock_wrlock(&rwlock);
	if (arg & 1)
		h = mix(h, racy[9]);
	else
		racy[9] += h;
	if (arg & 2)
		sched_yield();
	pthread_rwlock_unlock(&rwlock);
	return h;
}

static uint64_t write_pipe(uint64_t h, unsigned arg)
{
	return mix(h, (uint64_t)write(pipes[arg % PIPES][1], &h, 1 + arg % 8));
}

static uint64_t read_pipe(uint64_t h, unsigned arg)
{
	char buf[64];

	return mix_bytes(h, buf, read(pipes[arg % PIPES][0], buf, 1 + arg % 64));
}

static uint64_t poll_all(uint64_t h, unsigned arg)
{
	struct pollfd p[3] = {{pipes[0][0], POLLIN, 0}, {pipes[1][0], POLLIN, 0}, {sockets[1], POLLIN, 0}};
	struct epoll_event e[4];
	int n;

	if (arg & 2) {
		n = poll(p, 3, arg & 1);
		return mix(h, (uint64_t)(n * 64 + p[0].revents * 4 + p[1].revents * 2 + p[2].revents));
	}
	n = epoll_wait(epoll, e, 4, arg & 1);
	for (int i = 0; i < n; i++)
		h = mix(h, e[i].data.u64);
	return mix(h, (uint64_t)n);
}

static uint64_t count_events(uint64_t h, unsigned arg)
{
	uint64_t v = 1 + arg % 5;

	if (arg & 16)
		return mix(h, (uint64_t)write(event, &v, sizeof(v)));
	return mix(h, read(event, &v, sizeof(v)) == sizeof(v) ? v : 0);
}

static uint64_t signal_one(uint64_t h, unsigned arg)
{
	union sigval v = {.sival_int = (int)arg};

	if (arg & 1)
		return mix(h, (uint64_t)pthread_kill(threads[arg % THREADS], SIGUSR1));
	sigqueue(getpid(), SIGRTMIN + 1, v);
	return mix(h, handled);
}

static uint64_t alarm_soon(uint64_t h, unsigned arg)
{
	struct itimerval soon = {{0, 0}, {0, 50 + arg % 2000}};

	setitimer(ITIMER_REAL, &soon, NULL);
	return h;
}

static uint64_t jump_out(uint64_t h, unsigned arg)
{
	volatile uint64_t n = arg & 1;
	sigjmp_buf here;

	if (!sigsetjmp(here, 1)) {
		back = &here;
		pthread_kill(pthread_self(), SIGUSR2);
		while (back && n < SPIN_MAX)
			n++;
		back = NULL;
	}
	return mix(h, n);
}

static uint64_t fault(uint64_t h, unsigned arg)
{
	char *p = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	T_CHECK(p != MAP_FAILED);
	p[arg % 8192] = (char)h;
	munmap(p, 8192);
	return mix(h, (uintptr_t)p);
}

static uint64_t allocate(uint64_t h, unsigned arg)
{
	char *p[16];

	for (unsigned i = 0; i < 16; i++) {
		p[i] = malloc(arg % 4000 + 8 + i * 100);
		h = mix(h, (uintptr_t)p[i]);
		p[i][0] = (char)h;
	}
	for (unsigned i = 0; i < 16; i++)
		free(p[i]);
	return h;
}

static uint64_t fork_one(uint64_t h, unsigned arg)
{
	pid_t pid = fork();
	char c = (char)(h % 26 + 'a');

	if (pid == 0) {
		shared[arg % 64] += h;
		_exit(write(pipes[1][1], &c, 1) == 1 ? (int)(h % 64) : 64);
	}
	T_CHECK(pid > 0);
	return mix(mix(h, (uint64_t)wait_for_child(pid)), (uint64_t)pid + shared[arg % 64]);
}

static uint64_t spawn_one(uint64_t h, unsigned arg)
{
	const char *path = arg % 3 ? "/bin/true" : "/bin/no-such-program";
	char *argv[] = {"true", NULL};
	pid_t pid = 0;
	int error;

	if (arg & 8) {
		pid = vfork();
		if (pid == 0) {
			if (arg & 1)
				execv(path, argv);
			_exit(3);
		}
		error = pid < 0;
	} else {
		error = posix_spawn(&pid, path, NULL, NULL, argv, environ);
	}
	return mix(mix(h, (uint64_t)error), error ? 0 : (uint64_t)(wait_for_child(pid) + pid));
}

static uint64_t open_shell(uint64_t h, unsigned arg)
{
	FILE *f = popen(arg & 1 ? "echo $$" : "exit 3", "r");
	char line[64];

	T_CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		h = mix(h, (uint64_t)atoi(line));
	return mix(h, (uint64_t)pclose(f));
}

static uint64_t make_thread(uint64_t h, unsigned arg)
{
	static void *(*const does[4])(void *) = {short_one, short_one, cancelled_in_call, cancelled_anywhere};
	struct timespec pause = some_time(arg);
	void *result = NULL;
	pthread_t thread;

	T_CHECK(pthread_create(&thread, NULL, does[arg % 4], (void *)(uintptr_t)h) == 0);
	if (arg % 4 == 0) {
		pthread_detach(thread);
		return h;
	}
	if (arg & 4)
		nanosleep(&pause, NULL);
	if (arg & 2)
		pthread_cancel(thread);
	pthread_join(thread, &result);
	return mix(h, (uintptr_t)result);
}

static uint64_t spin(uint64_t h, unsigned arg)
{
	uint64_t before = atomic_fetch_add(&counter, h & 0xff) + (h & 0xff), n = 0;

	while (atomic_load(&counter) == before && n < SPIN_MAX) {
		n++;
		if (arg & 1)
			__builtin_ia32_pause();
	}
	return mix(h, n);
}

static uint64_t pass_descriptor(uint64_t h, unsigned arg)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	uint64_t v = h;
	struct iovec io = {&v, sizeof(v)};
	struct msghdr m = {
		.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t n;
	int fd;

	if (arg & 1) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &event, sizeof(int));
		return mix(h, (uint64_t)sendmsg(sockets[0], &m, MSG_DONTWAIT));
	}
	n = recvmsg(sockets[1], &m, MSG_DONTWAIT);
	if (n > 0 && (c = CMSG_FIRSTHDR(&m))) {
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
		h = mix(h, (uint64_t)fd);
		close(fd);
	}
	return mix(mix(h, v), (uint64_t)n);
}

static uint64_t read_files(uint64_t h, unsigned arg)
{
	char buf[512];
	struct iovec io[2] = {{buf, arg % 100}, {buf + 200, arg % 200}};
	int fd;

	if (arg & 1) {
		fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
		h = mix_bytes(h, buf, read(fd, buf, sizeof(buf)));
		close(fd);
		return h;
	}
	memset(buf, (int)h, sizeof(buf));
	h = mix(h, (uint64_t)pwritev(file, io, 2, arg % 4096));
	return mix_bytes(h, buf, pread(file, buf, 300, arg * 7 % 4096));
}

static uint64_t set_timer(uint64_t h, unsigned arg)
{
	struct itimerspec often = {{0, 20000}, {0, 1 + arg % 50000}};
	struct itimerspec once = {{0, 0}, {0, 1 + arg % 30000}};
	struct sigevent by_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
	struct timespec pause = some_time(arg);
	uint64_t ticks = 0;
	timer_t timer;
	int fd;

	if (arg & 1) {
		T_CHECK(timer_create(CLOCK_MONOTONIC, &by_signal, &timer) == 0);
		timer_settime(timer, 0, &once, NULL);
		nanosleep(&pause, NULL);
		timer_delete(timer);
		return mix(h, handled);
	}
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	timerfd_settime(fd, 0, &often, NULL);
	nanosleep(&pause, NULL);
	if (read(fd, &ticks, sizeof(ticks)) < 0)
		ticks = 0;
	close(fd);
	return mix(h, ticks);
}

static uint64_t wait_for_signal(uint64_t h, unsigned arg)
{
	struct timespec limit = some_time(arg);
	sigset_t set, old;
	siginfo_t info;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	pthread_kill(pthread_self(), SIGUSR1);
	signo = sigtimedwait(&set, &info, &limit);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return mix(h, (uint64_t)signo);
}

static uint64_t ask(uint64_t h, unsigned arg)
{
	struct timeval tv;

	if (arg & 1)
		sched_yield();
	gettimeofday(&tv, NULL);
	h = mix(mix(h, (uint64_t)tv.tv_usec), (uint64_t)time(NULL));
	return mix(mix(h, (uint64_t)sched_getcpu()), (uint64_t)(getpid() + (pid_t)syscall(SYS_gettid)));
}

static uint64_t share_memory(uint64_t h, unsigned arg)
{
	uint64_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), seen = arg;
	pid_t pid;

	T_CHECK(p != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		for (uint64_t i = 0; i < 200; i++)
			__atomic_fetch_add(p, i, __ATOMIC_SEQ_CST);
		_exit(0);
	}
	T_CHECK(pid > 0);
	for (int i = 0; i < 200; i++)
		seen = mix(seen, __atomic_load_n(p, __ATOMIC_SEQ_CST));
	wait_for_child(pid);
	munmap(p, 4096);
	return mix(h, seen);
}

static uint64_t (*const steps[])(uint64_t, unsigned) = {
	compute, compute, compute, lock, lock, wait_for_cond, tell_cond, semaphore, read_write_lock,
	write_pipe, write_pipe, read_pipe, poll_all, poll_all, count_events, signal_one, signal_one,
	alarm_soon, jump_out, fault, allocate, allocate, fork_one, spawn_one, open_shell, make_thread,
	make_thread, spin, pass_descriptor, pass_descriptor, read_files, read_files, set_timer, set_timer,
	wait_for_signal, ask, ask, share_memory,
};

static void *run(void *arg)
{
	uint64_t chance = 0;

	mine = (uintptr_t)arg;
	for (int i = 0; i < STEPS; i++) {
		T_CHECK(getrandom(&chance, sizeof(chance), 0) == sizeof(chance));
		mine = mix(mine, steps[chance % (sizeof(steps) / sizeof(steps[0]))](mine, (unsigned)(chance >> 32)));
	}
	atomic_fetch_sub(&running, 1);
	while (atomic_load(&running)) /* the others may signal it */
		usleep(1000);
	return (void *)(uintptr_t)mine;
}

static void handle(int signo, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	T_CHECK(sigaction(signo, &act, NULL) == 0);
}

int main(void)
{
	uint64_t data = 0;

	handle(SIGUSR1, on_signal, SA_RESTART);
	handle(SIGRTMIN + 1, on_signal, SA_RESTART);
	handle(SIGALRM, on_signal, 0);
	handle(SIGSEGV, on_fault, SA_NODEFER);
	signal(SIGUSR2, on_jump);
	T_CHECK(sem_init(&sem, 0, 0) == 0);
	for (int i = 0; i <= PIPES; i++)
		T_CHECK(pipe2(pipes[i], O_CLOEXEC | (i == NEVER ? 0 : O_NONBLOCK)) == 0);
	T_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < PIPES; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)i};

		T_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[i][0], &e) == 0);
	}
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T_CHECK(shared != MAP_FAILED);
	file = memfd_create("mixed", MFD_CLOEXEC);
	running = THREADS;
	for (int i = 0; i < THREADS; i++)
		threads[i] = pthread_self();
	for (uintptr_t i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&threads[i], NULL, run, (void *)(i + 1)) == 0);
	for (int i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		printf("thread %d: %016lx\n", i, (unsigned long)(uintptr_t)result);
	}
	for (int i = 0; i < WORDS; i++)
		data = mix(data, racy[i]);
	printf("data %016lx, signals %lu: %016lx\n", (unsigned long)data, handled, (unsigned long)seen_by_handlers);
	return 0;
}
