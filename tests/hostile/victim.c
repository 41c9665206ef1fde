/*
 * For tests/hostile/run: makes calls whose answers have a length, into buffers of exactly what the
 * call allows, in the middle of memory that nobody may touch; says CANARY when somebody did. The
 * answers themselves may be anything in a hostile replay and are not looked at.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 16, EDGE = 1 << 15 };
static unsigned char room[ROOM];
static size_t used;

/* A buffer of len bytes; all around it is watched. */
static void *buffer(size_t len)
{
	memset(room, 0xa5, sizeof(room));
	used = len;
	return memset(room + EDGE, 0, len);
}

/* By a call that shows the word in the replay's report of where it diverged: stdio would begin
 * with another. */
static void canary(const char *call, long at)
{
	char line[300];
	int len = snprintf(line, sizeof(line), "CANARY %s at %ld\n", call, at);

	(void)!write(2, line, (size_t)len);
	_exit(66);
}

static void watch(const char *call)
{
	for (size_t i = 0; i < ROOM; i++)
		if ((i < EDGE || i >= EDGE + used) && room[i] != 0xa5)
			canary(call, (long)i - EDGE);
}

#define TRY(len, call)                  \
	do {                            \
		void *b = buffer(len);  \
		(void)!(call);          \
		watch(#call);           \
	} while (0)

enum { CONTROL_LEN = CMSG_SPACE(sizeof(int)) };

/* To be received with the next message. */
static void send_descriptor(int to)
{
	union {
		struct cmsghdr head;
		char room[CONTROL_LEN];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {"0123456789", 10};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			   .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.head), &to, sizeof(to));
	sendmsg(to, &m, 0);
}

/* The kernel says with SIOCGIFCONF how much it wrote where a pointer in the argument leads. */
static void interfaces(int sock)
{
	static const char constant[2 * sizeof(struct ifreq)] = {[0 ... 2 * sizeof(struct ifreq) - 1] = 'c'};
	struct ifconf conf = {.ifc_len = 2 * sizeof(struct ifreq), .ifc_buf = (char *)room + EDGE};

	TRY(2 * sizeof(struct ifreq), (b, ioctl(sock, SIOCGIFCONF, &conf)));
	conf = (struct ifconf){.ifc_len = sizeof(constant), .ifc_buf = (char *)constant};
	(void)!ioctl(sock, SIOCGIFCONF, &conf);
	for (size_t i = 0; i < sizeof(constant); i++)
		if (*(volatile const char *)&constant[i] != 'c')
			canary("ioctl to memory that may only be read", (long)i);
}

static void sockets(void)
{
	struct sockaddr_un name;
	socklen_t len;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return;
	for (int i = 0; i < 4; i++) {
		if (send(pair[0], "0123456789abcdef", 16, 0) != 16)
			return;
		len = sizeof(name);
		if (i == 0)
			TRY(10, recv(pair[1], b, 10, MSG_TRUNC));
		else if (i == 1)
			TRY(10, recvfrom(pair[1], b, 10, 0, (struct sockaddr *)&name, &len));
		else if (i == 2) {
			/* control, then name at the watched end */
			struct iovec iov[2] = {{room + EDGE, 3}, {room + EDGE + 3, 4}};
			struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = room + EDGE + 7,
					   .msg_controllen = CONTROL_LEN};

			send_descriptor(pair[0]);
			TRY(7 + CONTROL_LEN, (b, recvmsg(pair[1], &m, 0)));
			if (m.msg_controllen > CONTROL_LEN)
				canary("controllen", (long)m.msg_controllen);
			m = (struct msghdr){.msg_iov = iov, .msg_iovlen = 2, .msg_name = room + EDGE + 7,
					    .msg_namelen = 4};
			TRY(11, (b, recvmsg(pair[1], &m, 0)));
		} else {
			struct iovec iov = {room + EDGE, 9};
			struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

			TRY(9, (b, recvmmsg(pair[1], &m, 1, MSG_DONTWAIT, NULL)));
		}
	}
	len = 12;
	TRY(12, getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, b, &len));
	len = 2;
	TRY(2, getsockname(pair[0], (struct sockaddr *)b, &len));
	len = 1;
	TRY(1, getpeername(pair[0], (struct sockaddr *)b, &len));
	interfaces(pair[0]);
	close(pair[0]);
	close(pair[1]);
}

static void messages(void)
{
	struct {
		long type;
		char text[12];
	} m = {1, "of a queue"};
	int queue = msgget(IPC_PRIVATE, 0600);

	msgsnd(queue, &m, sizeof(m.text), 0);
	TRY(sizeof(long) + 12, msgrcv(queue, b, 12, 0, IPC_NOWAIT));
	msgctl(queue, IPC_RMID, NULL);
}

/* One set that we make, one whose size we are told. */
static void semaphores(void)
{
	int made = semget(IPC_PRIVATE, 3, 0600), told = semget(getpid() | 0x5e000000, 5, IPC_CREAT | 0600);

	TRY(6, semctl(made, 0, GETALL, b));
	TRY(sizeof(struct semid_ds), semctl(told, 0, IPC_STAT, b));
	TRY(10, semctl(told, 0, GETALL, b));
	semctl(made, 0, IPC_RMID);
	semctl(told, 0, IPC_RMID);
}

/* Memory is written behind a pwrite to it; a pwrite to another file names no memory, whatever its offset is. */
static void memory_files(void)
{
	int own = open("/proc/self/mem", O_RDWR), other = open("/dev/null", O_WRONLY);

	TRY(8, (b, pwrite(own, "to here.", 8, (off_t)(room + EDGE))));
	TRY(8, (b, pwrite(other, "to there", 8, (off_t)(room + EDGE - 64))));
	close(own);
	close(other);
}

int main(void)
{
	int fd = open("/etc/passwd", O_RDONLY), dir = open("/etc", O_RDONLY | O_DIRECTORY), p[2], ep;
	struct epoll_event ev = {.events = EPOLLIN};
	struct pollfd pfd;
	struct timespec ts;
	int status;
	pid_t pid;

	TRY(7, read(fd, b, 7));
	TRY(9, pread(fd, b, 9, 3));
	{
		struct iovec iov[2] = {{room + EDGE, 5}, {room + EDGE + 5, 6}};

		TRY(11, (b, readv(fd, iov, 2)));
		TRY(11, (b, preadv(fd, iov, 2, 1)));
	}
	TRY(sizeof(struct stat), fstat(fd, b));
	TRY(sizeof(struct stat), stat("/", b));
	TRY(sizeof(struct statx), statx(AT_FDCWD, "/", 0, STATX_ALL, b));
	TRY(sizeof(struct statfs), fstatfs(fd, b));
	TRY(100, syscall(SYS_getdents64, dir, b, 100));
	TRY(8, readlink("/proc/self/exe", b, 8));
	TRY(64, syscall(SYS_getcwd, b, 64));
	TRY(sizeof(struct utsname), uname(b));
	TRY(16, getrandom(b, 16, 0));
	TRY(sizeof(struct rusage), getrusage(RUSAGE_SELF, b));
	TRY(sizeof(struct sysinfo), sysinfo(b));
	TRY(sizeof(struct tms), times(b));
	TRY(sizeof(struct timeval), syscall(SYS_gettimeofday, b, NULL));
	TRY(sizeof(struct timespec), clock_gettime(CLOCK_REALTIME, b));
	TRY(sizeof(struct rlimit), getrlimit(RLIMIT_NOFILE, b));
	TRY(8, syscall(SYS_sched_getaffinity, 0, 8, b));
	TRY(40, getgroups(10, b));
	TRY(4, ioctl(fd, FIONREAD, b));
	if (pipe(p) || write(p[1], "piped bytes", 11) != 11)
		return 3;
	pfd = (struct pollfd){p[0], POLLIN, 0};
	TRY(sizeof(pfd), (memcpy(b, &pfd, sizeof(pfd)), poll(b, 1, 0)));
	ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
	TRY(2 * sizeof(ev), epoll_wait(ep, b, 2, 0));
	TRY(4, read(p[0], b, 4));
	sockets();
	TRY(8, readlinkat(AT_FDCWD, "/proc/self/exe", b, 8));
	TRY(30, getxattr("/", "user.none", b, 30));
	messages();
	semaphores();
	memory_files();
	pid = fork();
	if (pid == 0) {
		TRY(7, pread(fd, b, 7, 5));
		printf("child %d\n", (int)getpid());
		fflush(stdout);
		_exit(3);
	}
	TRY(sizeof(siginfo_t), waitid(P_PID, (id_t)pid, b, WEXITED | WNOWAIT));
	TRY(4, waitpid(pid, b, 0));
	TRY(sizeof(ts), (ts = (struct timespec){0, 1000}, nanosleep(&ts, b)));
	{
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGUSR1);
		ts = (struct timespec){0, 0};
		TRY(sizeof(siginfo_t), sigtimedwait(&set, b, &ts));
	}
	status = (int)getppid();
	printf("end %d %d\n", (int)getpid(), status);
	return 4;
}
