/*
 * pthread_cancel of threads in the rest of what it may end: connect, queues of both kinds, timed
 * waits by every clock, children, system(), stdio, splice; in the middle of a computation; and
 * not where it may not: in a mutex, a disabled state, a cleanup handler.
 */
/* SOAK */
/* LDLIBS: -lpthread -lrt */
#include "victim.h"
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
	CONNECT, MSGSND, MQ_RECEIVE, MQ_SEND, CLOCK_SLEEP, COND_TIMED, COND_CLOCK, SEM_CLOCK,
	WAIT4, WAITID, SIGWAITINFO, SENDMSG, RECVFROM, RECVMMSG, EPOLL_PWAIT, ACCEPT4, LOCKF,
	SYSTEM, GETLINE, SPLICE, COMPUTE, WAYS
};

static int empty[2], other[2], pair[2], queue, locked, listening;
static struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "socket"};
static mqd_t none, all;
static sem_t ready, never, go_on;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pid_t child;
static volatile unsigned long rounds;
static char block[65536];

static void let_go(void *mutex)
{
	T_CHECK(pthread_mutex_unlock(mutex) == 0);
}

static void wait_for_cond(clockid_t clock)
{
	struct timespec at;

	T_CHECK(clock_gettime(clock, &at) == 0 && pthread_mutex_lock(&lock) == 0);
	at.tv_sec += 1000;
	pthread_cleanup_push(let_go, &lock);
	for (;;)
		if (clock == CLOCK_REALTIME)
			pthread_cond_timedwait(&cond, &lock, &at);
		else
			pthread_cond_clockwait(&cond, &lock, clock, &at);
	pthread_cleanup_pop(1);
}

static void wait_in(int way)
{
	struct timespec at = {t_now_ns(CLOCK_MONOTONIC) / 1000000000 + 1000, 0};
	struct iovec iov = {block, sizeof(block)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr several = {.msg_hdr = msg};
	struct epoll_event ev;
	siginfo_t si;
	sigset_t usr2;
	char *line = NULL;
	size_t size = 0;
	FILE *f;
	struct {
		long type;
		char text[4096];
	} m = {.type = 1};

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sem_post(&ready);
	switch (way) {
	case CONNECT:
		for (;;)
			connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&addr, sizeof(addr));
	case MSGSND:
		for (;;)
			T_CHECK(msgsnd(queue, &m, sizeof(m.text), 0) == 0);
	case MQ_RECEIVE:
		mq_receive(none, block, sizeof(block), NULL);
		break;
	case MQ_SEND:
		for (;;)
			T_CHECK(mq_send(all, block, 16, 0) == 0);
	case CLOCK_SLEEP:
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		break;
	case COND_TIMED:
		wait_for_cond(CLOCK_REALTIME);
		break;
	case COND_CLOCK:
		wait_for_cond(CLOCK_MONOTONIC);
		break;
	case SEM_CLOCK:
		sem_clockwait(&never, CLOCK_MONOTONIC, &at);
		break;
	case WAIT4:
		wait4(child, NULL, 0, NULL);
		break;
	case WAITID:
		waitid(P_PID, (id_t)child, &si, WEXITED);
		break;
	case SIGWAITINFO:
		sigwaitinfo(&usr2, &si);
		break;
	case SENDMSG:
		for (;;)
			sendmsg(pair[1], &msg, 0);
	case RECVFROM:
		recvfrom(pair[1], block, 1, 0, NULL, NULL);
		break;
	case RECVMMSG:
		recvmmsg(pair[1], &several, 1, 0, NULL);
		break;
	case EPOLL_PWAIT:
		epoll_pwait(epoll_create1(0), &ev, 1, -1, &usr2);
		break;
	case ACCEPT4:
		for (;;)
			accept4(other[0], NULL, NULL, SOCK_CLOEXEC);
	case LOCKF:
		lockf(locked, F_LOCK, 0);
		break;
	case SYSTEM:
		system("exec sleep 1000");
		break;
	case GETLINE:
		f = fdopen(dup(empty[0]), "r");
		T_CHECK(getline(&line, &size, f) >= 0);
		break;
	case SPLICE:
		splice(empty[0], NULL, other[1], NULL, 1, 0);
		break;
	case COMPUTE:
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
		for (;;)
			rounds++;
	}
}

static void *waiter(void *arg)
{
	wait_in((int)(intptr_t)arg);
	T_CHECK(!"not cancelled");
	return NULL;
}

static int steps;

static void clean_up(void *arg)
{
	(void)arg;
	steps = steps * 10 + 3;
	T_CHECK(usleep(1000) == 0); /* a cancellation point, but this is its end already */
	steps = steps * 10 + 4;
}

static void *holds_out(void *arg)
{
	(void)arg;
	steps = 0;
	pthread_cleanup_push(clean_up, NULL);
	sem_post(&ready);
	T_CHECK(pthread_mutex_lock(&lock) == 0);
	steps = 1;
	T_CHECK(pthread_mutex_unlock(&lock) == 0);
	T_CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) == 0);
	while (sem_wait(&go_on))
		T_CHECK(errno == EINTR);
	steps = steps * 10 + 2;
	T_CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL) == 0);
	usleep(1);
	T_CHECK(!"not cancelled");
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_and_join(pthread_t th)
{
	void *res;

	T_CHECK(pthread_cancel(th) == 0 && pthread_join(th, &res) == 0);
	T_CHECK(res == PTHREAD_CANCELED);
}

static void not_everywhere(void)
{
	pthread_t th;

	T_CHECK(pthread_mutex_lock(&lock) == 0);
	T_CHECK(pthread_create(&th, NULL, holds_out, NULL) == 0 && sem_wait(&ready) == 0);
	usleep(500);
	T_CHECK(pthread_cancel(th) == 0);
	usleep(1000);
	T_CHECK(steps == 0 && pthread_mutex_unlock(&lock) == 0);
	usleep(1000);
	sem_post(&go_on);
	cancel_and_join(th);
	T_CHECK(steps == 1234);
}

int main(void)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 64};
	pthread_t th[WAYS];
	char name[64], byte;

	T_CHECK(pipe(empty) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	T_CHECK(sem_init(&ready, 0, 0) == 0 && sem_init(&never, 0, 0) == 0);
	T_CHECK(sem_init(&go_on, 0, 0) == 0);
	listening = socket(AF_UNIX, SOCK_STREAM, 0); /* nobody accepts */
	T_CHECK(bind(listening, (void *)&addr, sizeof(addr)) == 0 && listen(listening, 0) == 0);
	other[0] = socket(AF_INET, SOCK_STREAM, 0); /* nobody connects */
	T_CHECK(listen(other[0], 1) == 0 && (other[1] = open("/dev/null", O_WRONLY)) >= 0);
	snprintf(name, sizeof(name), "/deja-victim-%d", getpid());
	none = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	if (none < 0 && (errno == ENOSYS || errno == EACCES)) {
		printf("skip: no POSIX message queues here\n");
		return 77;
	}
	mq_unlink(name);
	all = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	mq_unlink(name);
	queue = msgget(IPC_PRIVATE, 0600);
	locked = open("locked", O_RDWR | O_CREAT, 0600);
	T_CHECK(none >= 0 && all >= 0 && queue >= 0 && locked >= 0);
	child = t_fork();
	if (child == 0) {
		T_CHECK(fcntl(locked, F_SETLK, &whole) == 0);
		t_write_all(empty[1], "x", 1);
		for (;;)
			pause();
	}
	T_CHECK(read(empty[0], &byte, 1) == 1);
	/* each alone, then all at once */
	for (intptr_t i = 0; i < WAYS; i++) {
		T_CHECK(pthread_create(&th[i], NULL, waiter, (void *)i) == 0);
		T_CHECK(sem_wait(&ready) == 0);
		usleep(i & 1 ? 500 : 0);
		cancel_and_join(th[i]);
		printf("%ld ended by %lld\n", (long)i, (long long)t_now_ns(CLOCK_MONOTONIC));
	}
	for (intptr_t i = 0; i < WAYS; i++)
		T_CHECK(pthread_create(&th[i], NULL, waiter, (void *)i) == 0);
	usleep(2000);
	for (int i = WAYS; i--;)
		cancel_and_join(th[i]);
	while (sem_trywait(&ready) == 0)
		;
	not_everywhere();
	printf("%lu rounds\n", rounds);
	T_CHECK(kill(child, SIGKILL) == 0 && msgctl(queue, IPC_RMID, NULL) == 0);
	return 0;
}
