/*
 * ioctl and fcntl by request: known ones with each shape of argument, locks between
 * processes, unknown requests. Shows that sizes per request are right.
 */
#include "victim.h"
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

static void descriptors(int fd)
{
	int d = fcntl(fd, F_DUPFD, 20), c = fcntl(fd, F_DUPFD_CLOEXEC, 20);

	T_CHECK(d == 20 && c == 21 && fcntl(d, F_GETFD) == 0 && fcntl(c, F_GETFD) == FD_CLOEXEC);
	T_CHECK(fcntl(d, F_SETFD, FD_CLOEXEC) == 0 && fcntl(d, F_GETFD) == FD_CLOEXEC);
	T_CHECK(dup(fd) > fd && dup2(fd, 30) == 30 && dup3(fd, 31, O_CLOEXEC) == 31);
	T_FAILS(EINVAL, dup3(fd, fd, 0));
	T_CHECK(dup2(fd, fd) == fd);
	int flags = fcntl(fd, F_GETFL);
	T_CHECK((flags & O_ACCMODE) == O_RDWR);
	T_CHECK(fcntl(fd, F_SETFL, flags | O_APPEND | O_NONBLOCK) == 0);
	T_CHECK(fcntl(31, F_GETFL) == (flags | O_APPEND | O_NONBLOCK));
	T_FAILS(EBADF, fcntl(999, F_GETFD));
	T_FAILS(EINVAL, fcntl(fd, 9999));
	for (int i = 20; i < 32; i++)
		close(i);
}

static void locks(int fd)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
	int p[2], back[2];
	char c;

	T_CHECK(pipe(p) == 0 && pipe(back) == 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		T_CHECK(fcntl(fd, F_SETLK, &fl) == 0 && write(p[1], "l", 1) == 1);
		T_CHECK(read(back[0], &c, 1) == 1);
		_exit(0);
	}
	T_CHECK(read(p[0], &c, 1) == 1);
	struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	T_CHECK(fcntl(fd, F_GETLK, &probe) == 0 && probe.l_type == F_WRLCK);
	T_CHECK(probe.l_pid == pid && probe.l_start == 10 && probe.l_len == 5);
	printf("locked by %d\n", probe.l_pid);
	errno = 0;
	T_CHECK(fcntl(fd, F_SETLK, &fl) == -1 && (errno == EAGAIN || errno == EACCES));
	T_CHECK(lockf(fd, F_TEST, 0) == -1);
	T_CHECK(write(back[1], "x", 1) == 1);
	T_CHECK(fcntl(fd, F_SETLKW, &fl) == 0); /* when the child has gone */
	t_wait_exit(pid, 0);
	struct flock ofd = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
	T_CHECK(fcntl(fd, F_OFD_SETLK, &ofd) == 0);
	fl.l_type = F_UNLCK;
	T_CHECK(fcntl(fd, F_SETLK, &fl) == 0);
}

static void pipes(void)
{
	int p[2], v = 0;
	struct f_owner_ex owner = {F_OWNER_PID, 0}, got;

	T_CHECK(pipe(p) == 0 && fcntl(p[1], F_GETPIPE_SZ) > 0);
	int size = fcntl(p[1], F_SETPIPE_SZ, 8192);
	T_CHECK(size >= 8192 && fcntl(p[0], F_GETPIPE_SZ) == size);
	T_CHECK(write(p[1], "12345", 5) == 5 && ioctl(p[0], FIONREAD, &v) == 0 && v == 5);
	v = 1;
	T_CHECK(ioctl(p[0], FIONBIO, &v) == 0 && (fcntl(p[0], F_GETFL) & O_NONBLOCK));
	T_CHECK(ioctl(p[0], FIOCLEX) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC);
	T_CHECK(ioctl(p[0], FIONCLEX) == 0 && fcntl(p[0], F_GETFD) == 0);
	owner.pid = getpid();
	T_CHECK(fcntl(p[0], F_SETOWN_EX, &owner) == 0 && fcntl(p[0], F_GETOWN_EX, &got) == 0);
	T_CHECK(got.pid == getpid() && fcntl(p[0], F_GETOWN) == getpid());
	T_CHECK(fcntl(p[0], F_SETSIG, SIGRTMIN) == 0 && fcntl(p[0], F_GETSIG) == SIGRTMIN);
	printf("pipe of %d owned by %d\n", size, got.pid);
	T_FAILS(ENOTTY, ioctl(p[0], 0x12345678, &v));
	T_FAILS(ENOTTY, ioctl(p[0], TIOCGPGRP, &v));
	T_FAILS(EBADF, ioctl(999, FIONREAD, &v));
}

static void network(void)
{
	struct ifreq req = {0}, list[32];
	struct ifconf conf = {.ifc_len = sizeof(list), .ifc_req = list};
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	T_CHECK(s >= 0 && ioctl(s, SIOCGIFCONF, &conf) == 0);
	printf("%zu interfaces %016lx\n", (size_t)conf.ifc_len / sizeof(req),
	       t_hash(list, (size_t)conf.ifc_len));
	strcpy(req.ifr_name, "lo");
	T_CHECK(ioctl(s, SIOCGIFINDEX, &req) == 0 && req.ifr_ifindex == (int)if_nametoindex("lo"));
	T_CHECK(ioctl(s, SIOCGIFFLAGS, &req) == 0);
	printf("lo flags %x\n", (unsigned short)req.ifr_flags);
	strcpy(req.ifr_name, "no-such-if");
	T_FAILS(ENODEV, ioctl(s, SIOCGIFFLAGS, &req));
	close(s);
}

/* Structures that end in an array, which the kernel fills. */
static void arrays(int fd)
{
	static struct {
		struct fiemap map;
		struct fiemap_extent extents[2];
	} found;
	static struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info[2];
	} same;
	int other = open("g", O_CREAT | O_RDWR, 0600);
	char page[4096] = "same";

	T_CHECK(other >= 0 && fsync(fd) == 0);
	for (int i = 0; i < 3; i++) /* holes: more extents than are asked for */
		T_CHECK(pwrite(other, page, sizeof(page), i * 8192) == sizeof(page) && fsync(other) == 0);
	found.map.fm_length = FIEMAP_MAX_OFFSET;
	int rc = ioctl(other, FS_IOC_FIEMAP, &found);
	printf("extents: %d, %u\n", rc, found.map.fm_mapped_extents);
	T_CHECK(rc == 0 || errno == EOPNOTSUPP);
	found.map.fm_extent_count = 2;
	rc = ioctl(other, FS_IOC_FIEMAP, &found);
	printf("%d, %u at %llx, %llx\n", rc, found.map.fm_mapped_extents,
	       (unsigned long long)found.extents[0].fe_physical, (unsigned long long)found.extents[1].fe_physical);
	T_CHECK(rc != 0 || (found.map.fm_mapped_extents == 2 && found.extents[1].fe_logical == 8192));
	found.map.fm_flags = 0x80000000;
	rc = ioctl(other, FS_IOC_FIEMAP, &found);
	T_CHECK(rc == -1 && (errno == EOPNOTSUPP || (errno == EBADR && found.map.fm_flags == 0x80000000)));
	T_FAILS(EFAULT, ioctl(other, FIDEDUPERANGE, 8));
	same.range = (struct file_dedupe_range){.src_length = sizeof(page), .dest_count = 2};
	for (int i = 0; i < 2; i++)
		same.info[i] = (struct file_dedupe_range_info){.dest_fd = i ? 999 : other, .dest_offset = 8192, .status = 77};
	rc = ioctl(other, FIDEDUPERANGE, &same);
	printf("the same: %d, %llu bytes; %d\n", same.info[0].status, (unsigned long long)same.info[0].bytes_deduped,
	       same.info[1].status);
	T_CHECK((rc == -1 && errno == EOPNOTSUPP) || (same.info[0].status != 77 && same.info[1].status == -EBADF));
	close(other);
}

int main(void)
{
	int fd = open("f", O_CREAT | O_RDWR, 0600), seals;

	T_CHECK(fd >= 0 && ftruncate(fd, 1000) == 0);
	descriptors(fd);
	locks(fd);
	pipes();
	network();
	arrays(fd);
	int mem = memfd_create("m", MFD_ALLOW_SEALING);
	T_CHECK(mem >= 0 && fcntl(mem, F_ADD_SEALS, F_SEAL_GROW) == 0);
	T_CHECK((seals = fcntl(mem, F_GET_SEALS)) == F_SEAL_GROW);
	T_FAILS(EPERM, ftruncate(mem, 100));
	uint64_t hint = 2;
	int rc = fcntl(fd, F_SET_RW_HINT, &hint);
	T_CHECK(rc == 0 || errno == EINVAL);
	rc = fcntl(fd, F_SETLEASE, F_RDLCK);
	printf("lease %d, pid %d\n", rc, getpid());
	rc = ioctl(fd, FIGETBSZ, &seals);
	T_CHECK(rc == 0 || errno == EINVAL || errno == ENOTTY || errno == EPERM);
	return 0;
}
