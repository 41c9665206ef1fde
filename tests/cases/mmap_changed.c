/*
 * A file that is mapped and then changed by every call that changes files: mapped shared and private, through a
 * descriptor that may write and one that may only read, and changed through another, opened before or after, by
 * the same process or by a child. A recorder that takes a file mapped through a reading descriptor for one
 * that never changes has the replay read the old contents.
 */
#include "victim.h"
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

enum { LEN = 4096 * 8, PIECE_LEN = 9000, AT = 5000 };

static uint8_t old[LEN], new[LEN];
static sigjmp_buf beyond;

static void on_bus(int sig)
{
	siglongjmp(beyond, sig);
}

static void show(const char *what, const uint8_t *map)
{
	printf("  %s:", what);
	for (volatile size_t i = 0; i < LEN; i += 4096)
		if (sigsetjmp(beyond, 1))
			printf(" none");
		else
			printf(" %08x", (unsigned)t_hash(map + i, 4096));
	printf("\n");
}

/* --- what changes the file; fd: its writing descriptor --- */

static void by_write(int fd)
{
	T_CHECK(lseek(fd, AT, SEEK_SET) == AT && write(fd, new, PIECE_LEN) == PIECE_LEN);
}

static void by_pwrite(int fd)
{
	T_CHECK(pwrite(fd, new, PIECE_LEN, AT) == PIECE_LEN);
}

static void by_writev(int fd)
{
	struct iovec iov[2] = {{new + 10, 5000}, {new, 100}};

	T_CHECK(lseek(fd, 1, SEEK_SET) == 1 && writev(fd, iov, 2) == 5100);
	T_CHECK(pwritev(fd, iov, 2, 8000) == 5100);
	T_CHECK(pwritev2(fd, iov, 2, 16000, 0) == 5100);
}

static void by_append(int fd)
{
	int again = open("m", O_WRONLY | O_APPEND);

	T_CHECK(ftruncate(fd, AT) == 0 && write(again, new, PIECE_LEN) == PIECE_LEN && close(again) == 0);
}

static void by_truncate(int fd)
{
	T_CHECK(ftruncate(fd, AT) == 0 && truncate("m", LEN) == 0);
}

static void by_creat(int fd)
{
	int again = creat("m", 0600);

	by_pwrite(fd);
	T_CHECK(close(again) == 0);
}

static void by_open(int fd)
{
	int again = open("m", O_RDONLY | O_TRUNC);

	by_pwrite(fd);
	T_CHECK(close(again) == 0);
}

static void by_openat2(int fd)
{
	struct open_how how = {.flags = O_RDWR | O_TRUNC};
	int again = (int)syscall(SYS_openat2, AT_FDCWD, "m", &how, sizeof(how));

	T_CHECK(again >= 0 || errno == ENOSYS);
	if (again < 0)
		by_open(fd);
	T_CHECK(pwrite(again < 0 ? fd : again, new, PIECE_LEN, AT) == PIECE_LEN);
	close(again);
}

static void by_fallocate(int fd)
{
	static const int modes[] = {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE};

	for (size_t i = 0; i < 2; i++)
		T_CHECK(fallocate(fd, modes[i], AT + (off_t)i * 12000, PIECE_LEN) == 0 || errno == EOPNOTSUPP);
	T_CHECK(fallocate(fd, 0, LEN, 100) == 0 || errno == EOPNOTSUPP);
}

/* Not of every file system; private pages that were written to may be lost. */
static void by_moving(int fd)
{
	T_CHECK(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 4096 * 4, 8192) == 0 || errno == EOPNOTSUPP || errno == EINVAL);
	T_CHECK(fallocate(fd, FALLOC_FL_INSERT_RANGE, 4096 * 5, 4096) == 0 || errno == EOPNOTSUPP || errno == EINVAL);
}

/* The kernel may move the bytes itself, or say that it cannot. */
static void by_kernel(int fd)
{
	int from = open("n", O_RDONLY), ends[2];
	off_t at = AT, in = 0;

	T_CHECK(from >= 0 && lseek(fd, 100, SEEK_SET) == 100 && pipe(ends) == 0);
	if (sendfile(fd, from, NULL, 3000) < 0)
		by_pwrite(fd);
	if (copy_file_range(from, &in, fd, &at, 3000, 0) < 0)
		by_write(fd);
	T_CHECK(write(ends[1], new, 3000) == 3000);
	at = 17000;
	if (splice(ends[0], NULL, fd, &at, 3000, 0) < 0)
		by_writev(fd);
	T_CHECK(close(from) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void by_clone(int fd)
{
	int from = open("n", O_RDONLY);
	struct file_clone_range range = {from, 0, 4096, 8192};

	if (ioctl(fd, FICLONERANGE, &range) < 0)
		by_write(fd);
	if (ioctl(fd, FICLONE, from) < 0)
		by_pwrite(fd);
	T_CHECK(close(from) == 0);
}

static void by_mapping(int fd)
{
	uint8_t *map = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	T_CHECK(map != MAP_FAILED);
	memcpy(map + AT, new, PIECE_LEN);
	T_CHECK(munmap(map, LEN) == 0);
}

static void by_child(int fd)
{
	pid_t pid = t_fork();

	if (!pid) {
		by_write(fd);
		_exit(0);
	}
	t_wait_exit(pid, 0);
}

static void by_child_that_opens(int fd)
{
	pid_t pid = t_fork();

	(void)fd;
	if (!pid) {
		by_write(open("m", O_RDWR));
		_exit(0);
	}
	t_wait_exit(pid, 0);
}

static const struct {
	const char *name;
	void (*change)(int fd);
} ways[] = {
	{"write", by_write}, {"pwrite", by_pwrite}, {"writev", by_writev}, {"append", by_append},
	{"truncate", by_truncate}, {"creat", by_creat}, {"open", by_open}, {"openat2", by_openat2},
	{"fallocate", by_fallocate}, {"moving", by_moving}, {"kernel", by_kernel}, {"clone", by_clone},
	{"mapping", by_mapping}, {"child", by_child}, {"child that opens", by_child_that_opens},
};

/* late: opened for writing after it was mapped, else before; reading: mapped through a descriptor that may
 * only read. */
static void change(size_t way, int flags, bool reading, bool late)
{
	int fd, map_fd;
	uint8_t *map;

	unlink("m");
	fd = open("m", O_CREAT | O_RDWR, 0600);
	T_CHECK(fd >= 0 && write(fd, old, LEN) == LEN);
	map_fd = reading ? open("m", O_RDONLY) : fd;
	if (late)
		T_CHECK(close(fd) == 0);
	map = mmap(NULL, LEN, PROT_READ | (flags == MAP_PRIVATE ? PROT_WRITE : 0), flags, map_fd, 0);
	T_CHECK(map_fd >= 0 && map != MAP_FAILED);
	printf("%s, %s, %s, %s\n", ways[way].name, flags == MAP_PRIVATE ? "private" : "shared",
	       reading ? "reading" : "writing", late ? "late" : "early");
	if (flags == MAP_PRIVATE)
		map[0] ^= 1; /* a page of its own */
	show("before", map);
	if (late)
		fd = open("m", O_RDWR);
	ways[way].change(fd);
	show("after", map);
	T_CHECK(munmap(map, LEN) == 0 && close(fd) == 0 && (map_fd == fd || close(map_fd) == 0));
}

int main(void)
{
	uint64_t seed = t_seed();
	int fd = open("n", O_CREAT | O_RDWR, 0600);

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	signal(SIGBUS, on_bus);
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
		t_fill(old, LEN, seed += 1);
		t_fill(new, LEN, seed += 1);
		T_CHECK(pwrite(fd, new, LEN, 0) == LEN);
		for (int i = 0; i < 6; i++)
			change(way, i % 2 ? MAP_PRIVATE : MAP_SHARED, i >= 2, i >= 4);
	}
	return 0;
}
