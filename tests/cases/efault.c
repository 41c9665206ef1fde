/*
 * Bad pointers given to many calls: each returns EFAULT and nothing crashes, neither
 * recording nor replaying; partly bad buffers give partial results.
 */
#include "victim.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define CALL(...) T_FAILS(EFAULT, syscall(__VA_ARGS__))

static char *bad, *edge; /* never mapped; the last 4096 good bytes before a bad page */

static void files(int fd)
{
	struct iovec v[2] = {{edge, 4096}, {bad, 4096}};

	CALL(SYS_read, fd, bad, 10);
	CALL(SYS_write, fd, bad, 10);
	CALL(SYS_pread64, fd, bad, 10, 0);
	CALL(SYS_pwrite64, fd, bad, 10, 0);
	CALL(SYS_open, bad, O_RDONLY);
	CALL(SYS_openat, AT_FDCWD, bad, O_RDONLY);
	CALL(SYS_stat, "/", bad);
	CALL(SYS_stat, bad, edge);
	CALL(SYS_fstat, fd, bad);
	CALL(SYS_statx, AT_FDCWD, "/", 0, 0xfff, bad);
	CALL(SYS_statfs, "/", bad);
	CALL(SYS_access, bad, 0);
	CALL(SYS_getcwd, bad, 4096);
	CALL(SYS_chdir, bad);
	CALL(SYS_readlink, "/proc/self/exe", bad, 100);
	CALL(SYS_rename, bad, "x");
	CALL(SYS_rename, "/proc", bad);
	CALL(SYS_unlink, bad);
	CALL(SYS_symlink, bad, "x");
	CALL(SYS_mkdir, bad, 0700);
	CALL(SYS_readv, fd, bad, 2);
	CALL(SYS_writev, fd, bad, 2);
	CALL(SYS_sendfile, fd, fd, bad, 10);
	CALL(SYS_pipe, bad);
	CALL(SYS_utimensat, AT_FDCWD, "/tmp", bad, 0);
	int dir = open("/", O_RDONLY | O_DIRECTORY);
	CALL(SYS_getdents64, dir, bad, 4096);
	close(dir);
	/* Half good: as much as fits. */
	int zero = open("/dev/zero", O_RDONLY);
	T_CHECK(pwrite(fd, edge, 8192, 0) == 4096 && pread(fd, edge, 8192, 0) == 4096);
	T_CHECK(pwritev(fd, v, 2, 0) == 4096 && preadv(fd, v, 2, 0) == 4096);
	T_CHECK(pread(fd, edge + 4000, 200, 0) == 96);
	T_CHECK(read(zero, edge, 4096) == 4096);
	close(zero);
	/* A path that ends exactly at the edge, and one without an end. */
	memset(edge, 'a', 4096);
	CALL(SYS_open, edge + 4090, O_RDONLY);
	memcpy(edge + 4091, "/tmp", 5);
	T_CHECK(access(edge + 4091, F_OK) == 0);
}

static void sockets(void)
{
	struct iovec good = {edge, 8}, worse = {bad, 8};
	struct msghdr m = {.msg_iov = (void *)bad, .msg_iovlen = 1};
	int sv[2], v = 1;
	socklen_t len = 4;

	T_CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) == 0);
	CALL(SYS_sendto, sv[0], bad, 8, 0, NULL, 0);
	CALL(SYS_sendto, sv[0], edge, 8, 0, bad, 16);
	CALL(SYS_sendmsg, sv[0], bad, 0);
	CALL(SYS_sendmsg, sv[0], &m, 0);
	m.msg_iov = &worse;
	CALL(SYS_sendmsg, sv[0], &m, 0);
	m.msg_iov = &good, m.msg_control = bad, m.msg_controllen = 64;
	CALL(SYS_sendmsg, sv[0], &m, 0);
	T_CHECK(send(sv[0], "12345678", 8, 0) == 8);
	CALL(SYS_recvfrom, sv[1], bad, 8, MSG_PEEK | MSG_DONTWAIT, NULL, NULL);
	CALL(SYS_recvmsg, sv[1], bad, MSG_DONTWAIT);
	CALL(SYS_getsockname, sv[0], bad, &len);
	CALL(SYS_getsockname, sv[0], edge, bad);
	CALL(SYS_getsockopt, sv[0], SOL_SOCKET, SO_TYPE, bad, &len);
	CALL(SYS_getsockopt, sv[0], SOL_SOCKET, SO_TYPE, &v, bad);
	CALL(SYS_setsockopt, sv[0], SOL_SOCKET, SO_PASSCRED, bad, 4);
	CALL(SYS_bind, sv[0], bad, 16);
	CALL(SYS_connect, sv[0], bad, 16);
	CALL(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, bad);
	close(sv[0]), close(sv[1]);
}

static void others(void)
{
	int p[2], ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLOUT};

	T_CHECK(pipe(p) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &ev) == 0);
	CALL(SYS_clock_gettime, CLOCK_REALTIME, bad);
	CALL(SYS_gettimeofday, bad, NULL);
	CALL(SYS_clock_getres, CLOCK_REALTIME, bad);
	CALL(SYS_nanosleep, bad, NULL);
	CALL(SYS_times, bad);
	CALL(SYS_uname, bad);
	CALL(SYS_sysinfo, bad);
	CALL(SYS_getrusage, RUSAGE_SELF, bad);
	CALL(SYS_getrlimit, RLIMIT_NOFILE, bad);
	CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, bad, NULL);
	CALL(SYS_getrandom, bad, 16, 0);
	CALL(SYS_getresuid, bad, bad, bad);
	CALL(SYS_rt_sigaction, SIGUSR1, bad, NULL, 8);
	CALL(SYS_rt_sigaction, SIGUSR1, NULL, bad, 8);
	CALL(SYS_rt_sigprocmask, SIG_BLOCK, bad, NULL, 8);
	CALL(SYS_rt_sigprocmask, SIG_BLOCK, NULL, bad, 8);
	CALL(SYS_rt_sigpending, bad, 8);
	CALL(SYS_sigaltstack, NULL, bad);
	CALL(SYS_poll, bad, 3, 0);
	CALL(SYS_select, 10, bad, NULL, NULL, NULL);
	CALL(SYS_epoll_wait, ep, bad, 4, 0);
	CALL(SYS_epoll_ctl, ep, EPOLL_CTL_MOD, p[1], bad);
	CALL(SYS_ioctl, p[0], FIONREAD, bad);
	CALL(SYS_fcntl, 0, F_GETLK, bad);
	CALL(SYS_execve, bad, NULL, NULL);
	CALL(SYS_memfd_create, bad, 0);
	CALL(SYS_sched_getaffinity, 0, 128, bad);
	CALL(SYS_timerfd_settime, 99, 0, bad, NULL);
	CALL(SYS_setitimer, 0, bad, NULL);
	CALL(SYS_capget, bad, NULL);
	pid_t pid = t_fork();
	if (pid == 0)
		_exit(3);
	CALL(SYS_wait4, pid, bad, 0, NULL);
	T_FAILS(ECHILD, waitpid(pid, NULL, 0)); /* reaped all the same */
	printf("waited for %d\n", pid);
}

int main(void)
{
	int fd = open("e", O_CREAT | O_RDWR, 0600);

	edge = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T_CHECK(fd >= 0 && edge != MAP_FAILED && mprotect(edge + 4096, 4096, PROT_NONE) == 0);
	bad = edge + 4096;
	T_CHECK(write(fd, "some content", 12) == 12 && lseek(fd, 0, SEEK_SET) == 0);
	files(fd);
	sockets();
	others();
	bad = (char *)0x7000000000000000; /* not canonical */
	CALL(SYS_pread64, fd, bad, 10, 0);
	CALL(SYS_pwrite64, fd, bad, 10, 0);
	bad = NULL;
	CALL(SYS_pread64, fd, bad, 10, 0);
	bad = (char *)-4096L;
	CALL(SYS_pwrite64, fd, bad, 10, 0);
	printf("all refused, edge at %p\n", (void *)edge);
	return 0;
}
