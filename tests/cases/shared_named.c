/*
 * Memory that processes find by name or are sent: a System V segment with semaphores, a
 * POSIX segment opened by children on their own, a memfd whose descriptor travels over a
 * socket, a file. The children do not inherit the mapping; each maps for itself and they run at
 * once, beside a process that maps nothing and one that only reads.
 */
/* SOAK */
#include "victim.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>

enum { WORKERS = 3, ROUNDS = 40 };

struct shared {
	_Atomic int ready;
	volatile int count;
	uint64_t mixed;
	pid_t order[WORKERS * ROUNDS];
};

/* Racy on purpose: who comes when decides. */
static void work(struct shared *s)
{
	s->ready++;
	for (int i = 0; i < ROUNDS; i++) {
		int at = s->count;

		if (i % 8 == 0)
			usleep(1);
		s->order[at] = getpid();
		s->mixed = s->mixed * 31 + (uint64_t)getpid();
		s->count = at + 1;
	}
}

static void tell(const char *what, const struct shared *s, int64_t seen)
{
	T_CHECK(s->ready == WORKERS && s->count >= ROUNDS && s->count <= WORKERS * ROUNDS);
	printf("%s: %d, %016lx, order %016lx, a reader saw %ld\n", what, s->count, s->mixed,
	       t_hash(s->order, sizeof(s->order)), (long)seen);
}

static struct shared *map(int fd, int prot)
{
	struct shared *s = mmap(NULL, sizeof(*s), prot, MAP_SHARED, fd, 0);

	T_CHECK(s != MAP_FAILED && close(fd) == 0);
	return s;
}

static void by_name(const char *what, const char *name, bool posix)
{
	int fd = posix ? shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600)
		       : open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	pid_t pid[WORKERS];
	int64_t seen = 0;

	T_CHECK(fd >= 0 && ftruncate(fd, sizeof(struct shared)) == 0);
	for (int i = 0; i < WORKERS; i++) {
		pid[i] = t_fork();
		if (pid[i])
			continue;
		T_CHECK(close(fd) == 0);
		work(map(posix ? shm_open(name, O_RDWR, 0) : open(name, O_RDWR),
			 PROT_READ | PROT_WRITE));
		_exit(0);
	}
	const struct shared *s = map(fd, PROT_READ);
	while (s->ready < WORKERS)
		;
	seen = s->count;
	for (int i = 0; i < WORKERS; i++)
		t_wait_exit(pid[i], 0);
	tell(what, s, seen);
	T_CHECK((posix ? shm_unlink(name) : unlink(name)) == 0);
}

static void send_fd(int to, int fd)
{
	char c = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	T_CHECK(sendmsg(to, &m, 0) == 1);
}

static int receive_fd(int from)
{
	char c, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			   .msg_controllen = sizeof(control)};
	int fd;

	T_CHECK(recvmsg(from, &m, 0) == 1 && CMSG_FIRSTHDR(&m));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static void sent(void)
{
	pid_t pid[WORKERS];
	int pair[2], fd;

	T_CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	for (int i = 0; i < WORKERS; i++) {
		pid[i] = t_fork();
		if (pid[i])
			continue;
		work(map(receive_fd(pair[1]), PROT_READ | PROT_WRITE));
		_exit(0);
	}
	fd = memfd_create("victim", 0);
	T_CHECK(fd >= 0 && ftruncate(fd, sizeof(struct shared)) == 0);
	for (int i = 0; i < WORKERS; i++)
		send_fd(pair[0], fd);
	struct shared *s = map(fd, PROT_READ | PROT_WRITE);
	for (int i = 0; i < WORKERS; i++)
		t_wait_exit(pid[i], 0);
	tell("memfd", s, 0);
}

static void system_v(void)
{
	int id = shmget(IPC_PRIVATE, sizeof(struct shared), IPC_CREAT | 0600);
	int sem = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	pid_t pid[WORKERS];

	if (id < 0 || sem < 0) {
		printf("no System V: %d\n", errno);
		return;
	}
	for (int i = 0; i < WORKERS; i++) {
		struct sembuf down = {0, -1, 0}, up = {0, 1, 0};

		pid[i] = t_fork();
		if (pid[i])
			continue;
		struct shared *s = shmat(id, NULL, 0);
		T_CHECK(s != (void *)-1);
		s->ready++;
		for (int k = 0; k < ROUNDS; k++) {
			T_CHECK(semop(sem, &down, 1) == 0);
			s->order[s->count++] = getpid();
			s->mixed = s->mixed * 31 + (uint64_t)getpid();
			T_CHECK(semop(sem, &up, 1) == 0);
		}
		_exit(0);
	}
	T_CHECK(semctl(sem, 0, SETVAL, 1) == 0);
	for (int i = 0; i < WORKERS; i++)
		t_wait_exit(pid[i], 0);
	const struct shared *s = shmat(id, NULL, SHM_RDONLY);
	T_CHECK(s != (void *)-1 && s->count == WORKERS * ROUNDS);
	tell("system v", s, 0);
	T_CHECK(shmctl(id, IPC_RMID, NULL) == 0 && semctl(sem, 0, IPC_RMID) == 0);
}

int main(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/victim-%d-%lx", getpid(), t_seed());
	by_name("posix", name, true);
	by_name("file", "shared", false);
	sent();
	system_v();
	return 0;
}
