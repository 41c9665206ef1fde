/*
 * pthread_cancel of threads that wait in one of many calls each: sockets, full pipes, locks of
 * files, queues, children, clocks, signals, timed waits.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <semaphore.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int empty[2], full[2], quiet[2], pair[2], queue, locked;
static sem_t ready, never;
static pid_t child;
static const struct timespec far = {1000000, 0};
static char block[65536];

enum { WAYS = 18 };

static void wait_in(int way)
{
	struct timespec at = {t_now_ns(CLOCK_REALTIME) / 1000000000 + 1000, 0};
	struct iovec iov = {block, sizeof(block)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct epoll_event ev;
	struct {
		long type;
		char text[8];
	} m;
	fd_set set;
	sigset_t usr2;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	FD_ZERO(&set);
	FD_SET(empty[0], &set);
	sem_post(&ready);
	switch (way) {
	case 0:
		recv(quiet[0], block, 1, 0);
		break;
	case 1:
		recvmsg(quiet[0], &msg, 0);
		break;
	case 2:
		for (;;)
			send(pair[1], block, sizeof(block), 0);
	case 3:
		for (;;)
			write(full[1], block, sizeof(block));
	case 4:
		for (;;)
			writev(full[1], &iov, 1);
	case 5:
		readv(empty[0], &iov, 1);
		break;
	case 6:
		select(empty[0] + 1, &set, NULL, NULL, NULL);
		break;
	case 7:
		pselect(empty[0] + 1, &set, NULL, NULL, &far, &usr2);
		break;
	case 8:
		ppoll(&(struct pollfd){empty[0], POLLIN, 0}, 1, &far, &usr2);
		break;
	case 9:
		epoll_wait(epoll_create1(0), &ev, 1, -1);
		break;
	case 10:
		waitpid(child, NULL, 0);
		break;
	case 11:
		msgrcv(queue, &m, sizeof(m.text), 0, 0);
		break;
	case 12:
		fcntl(locked, F_SETLKW, &whole);
		break;
	case 13:
		pause();
		break;
	case 14:
		sigsuspend(&usr2);
		break;
	case 15:
		sigtimedwait(&usr2, NULL, &far);
		break;
	case 16:
		sem_timedwait(&never, &at);
		break;
	case 17:
		open("fifo", O_RDONLY);
		break;
	}
}

static void *waiter(void *arg)
{
	wait_in((int)(intptr_t)arg);
	T_CHECK(!"not cancelled");
	return NULL;
}

int main(void)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	pthread_t th[WAYS];
	void *res;
	char byte;

	T_CHECK(pipe(empty) == 0 && pipe(full) == 0 && mkfifo("fifo", 0600) == 0);
	T_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	T_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) == 0);
	T_CHECK(sem_init(&ready, 0, 0) == 0 && sem_init(&never, 0, 0) == 0);
	queue = msgget(IPC_PRIVATE, 0600);
	locked = open("locked", O_RDWR | O_CREAT, 0600);
	T_CHECK(queue >= 0 && locked >= 0);
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
		T_CHECK(pthread_cancel(th[i]) == 0 && pthread_join(th[i], &res) == 0);
		T_CHECK(res == PTHREAD_CANCELED);
		printf("%ld ended by %lld\n", (long)i, (long long)t_now_ns(CLOCK_MONOTONIC));
	}
	for (intptr_t i = 0; i < WAYS; i++)
		T_CHECK(pthread_create(&th[i], NULL, waiter, (void *)i) == 0);
	usleep(2000);
	for (int i = WAYS; i--;)
		T_CHECK(pthread_cancel(th[i]) == 0);
	for (int i = 0; i < WAYS; i++)
		T_CHECK(pthread_join(th[i], &res) == 0 && res == PTHREAD_CANCELED);
	T_CHECK(kill(child, SIGKILL) == 0 && msgctl(queue, IPC_RMID, NULL) == 0);
	return 0;
}
