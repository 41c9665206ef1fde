/*
 * Memory shared by parent and child, read only after wait: MAP_SHARED anonymous, /dev/zero, a
 * shared file mapping, System V. Shows that the real child of a replay writes what it wrote.
 */
#include "victim.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

struct shared {
	pid_t pid;
	int64_t when;
	char text[1000];
};

static void fill(struct shared *s, const char *what)
{
	s->pid = getpid();
	s->when = t_now_ns(CLOCK_REALTIME);
	snprintf(s->text, sizeof(s->text), "%s by %d", what, getpid());
}

static void check(const char *what, struct shared *s)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		fill(s, what);
		_exit(0);
	}
	t_wait_exit(pid, 0);
	T_CHECK(s->pid == pid && s->when > 0);
	printf("%s at %ld\n", s->text, (long)s->when);
}

int main(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	T_CHECK(s != MAP_FAILED);
	check("anonymous", s);
	check("anonymous again", s);

	int zero = open("/dev/zero", O_RDWR);
	struct shared *z = mmap(NULL, sizeof(*z), PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
	T_CHECK(z != MAP_FAILED && close(zero) == 0);
	check("/dev/zero", z);

	int fd = open("shared", O_CREAT | O_RDWR, 0600);
	T_CHECK(fd >= 0 && ftruncate(fd, sizeof(*s)) == 0);
	struct shared *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	T_CHECK(f != MAP_FAILED && close(fd) == 0);
	check("file", f);

	int mem = memfd_create("shared", 0);
	T_CHECK(mem >= 0 && ftruncate(mem, sizeof(*s)) == 0);
	struct shared *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	T_CHECK(m != MAP_FAILED);
	check("memfd", m);

	int id = shmget(IPC_PRIVATE, sizeof(*s), IPC_CREAT | 0600);
	if (id >= 0) {
		struct shared *v = shmat(id, NULL, 0);

		T_CHECK(v != (void *)-1 && shmctl(id, IPC_RMID, NULL) == 0);
		check("system v", v);
		T_CHECK(shmdt(v) == 0);
		printf("shm id %d\n", id);
	}

	/* A private mapping is the child's own. */
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T_CHECK(p != MAP_FAILED);
	pid_t pid = t_fork();
	if (pid == 0) {
		strcpy(p, "child");
		_exit(0);
	}
	t_wait_exit(pid, 0);
	T_CHECK(p[0] == 0);
	return 0;
}
