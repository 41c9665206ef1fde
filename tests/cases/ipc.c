/*
 * Message queues and semaphores, System V and POSIX, between parent and child. Shows the
 * calls whose sizes stand in their arguments in unusual ways.
 */
#include "victim.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

struct message {
	long type;
	char text[100];
};

static void system_v(void)
{
	struct message m = {3, ""}, got;
	struct msqid_ds ds;
	struct semid_ds sds;
	unsigned short values[3] = {0, 5, 0}, back[3];
	int q = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

	if (q == -1) {
		printf("no System V: %d\n", errno);
		return;
	}
	pid_t pid = t_fork();
	if (pid == 0) {
		snprintf(m.text, sizeof(m.text), "from %d", getpid());
		T_CHECK(msgsnd(q, &m, strlen(m.text) + 1, 0) == 0);
		_exit(0);
	}
	ssize_t n = msgrcv(q, &got, sizeof(got.text), 3, 0);
	T_CHECK(n > 5 && got.type == 3 && atoi(got.text + 5) == pid);
	t_wait_exit(pid, 0);
	T_CHECK(msgctl(q, IPC_STAT, &ds) == 0 && ds.msg_lspid == pid && ds.msg_qnum == 0);
	printf("%s, queue %d at %ld\n", got.text, q, (long)ds.msg_stime);
	m.type = 9;
	T_CHECK(msgsnd(q, &m, 50, IPC_NOWAIT) == 0);
	T_FAILS(E2BIG, msgrcv(q, &got, 10, 0, 0));
	T_CHECK(msgrcv(q, &got, 10, 0, MSG_NOERROR) == 10 && got.type == 9);
	T_FAILS(ENOMSG, msgrcv(q, &got, 10, 0, IPC_NOWAIT));
	T_CHECK(msgctl(q, IPC_RMID, NULL) == 0);

	int s = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
	T_CHECK(s >= 0 && semctl(s, 0, SETALL, values) == 0);
	pid = t_fork();
	if (pid == 0) {
		struct sembuf up = {0, 2, 0};

		usleep(1000);
		T_CHECK(semop(s, &up, 1) == 0);
		_exit(0);
	}
	struct sembuf down[2] = {{0, -2, 0}, {1, -1, 0}};
	T_CHECK(semop(s, down, 2) == 0 && semctl(s, 0, GETALL, back) == 0);
	T_CHECK(back[0] == 0 && back[1] == 4 && semctl(s, 1, GETVAL) == 4);
	T_CHECK(semctl(s, 0, GETPID) == getpid() && semctl(s, 0, IPC_STAT, &sds) == 0);
	T_FAILS(EAGAIN, semtimedop(s, down, 1, &(struct timespec){0, 1000000}));
	t_wait_exit(pid, 0);
	printf("semaphores %d of %lu\n", s, (unsigned long)sds.sem_nsems);
	T_CHECK(semctl(s, 0, IPC_RMID) == 0);
}

static void posix(void)
{
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64}, got;
	char name[64], buf[64];
	unsigned prio;

	snprintf(name, sizeof(name), "/victim-%d-%lx", getpid(), t_seed());
	mqd_t q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	if (q == (mqd_t)-1) {
		printf("no POSIX queues: %d\n", errno);
		return;
	}
	T_CHECK(mq_unlink(name) == 0 && mq_getattr(q, &got) == 0 && got.mq_msgsize == 64);
	pid_t pid = t_fork();
	if (pid == 0) {
		int n = snprintf(buf, sizeof(buf), "mq %d", getpid());

		T_CHECK(mq_send(q, buf, (size_t)n, 7) == 0);
		_exit(0);
	}
	ssize_t n = mq_receive(q, buf, sizeof(buf), &prio);
	T_CHECK(n > 3 && prio == 7 && atoi(buf + 3) == pid);
	printf("%.*s\n", (int)n, buf);
	t_wait_exit(pid, 0);
	T_FAILS(ETIMEDOUT, mq_timedreceive(q, buf, sizeof(buf), NULL, &(struct timespec){1, 0}));
	T_CHECK(mq_close(q) == 0);
}

int main(void)
{
	system_v();
	posix();
	printf("pid %d\n", getpid());
	return 0;
}
