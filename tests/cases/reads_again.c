/*
 * The same bytes read many times, by every call that reads and by several processes, while the
 * files change under them: overwritten in place, through a shared mapping, truncated, appended
 * to, replaced by rename, sparse; and files whose content is made when it is read. What is
 * recorded once must come back in every place, and what differs only a little as it was.
 */
#include "victim.h"
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

enum { LEN = 50000, ROUNDS = 6, PAGE = 4096 };

static char buf[2 * LEN];

static uint64_t sum(const char *bytes, ssize_t len)
{
	uint64_t h = 14695981039346656037u;

	for (ssize_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)bytes[i]) * 1099511628211u;
	return h;
}

static void fill(char *bytes, size_t len, uint64_t x)
{
	for (size_t i = 0; i < len; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (char)(x >> 56);
	}
}

static void tell(const char *what, ssize_t len)
{
	printf("%s %zd %016llx\n", what, len, (unsigned long long)sum(buf, len));
	memset(buf, 0, sizeof(buf));
}

static void read_all_ways(const char *name)
{
	struct iovec iov[3] = {{buf, 1000}, {buf + 1000, LEN - 2000}, {buf + LEN - 1000, 1000}};
	int fd = open(name, O_RDONLY), p[2];
	ssize_t n, got = 0;

	T_CHECK(fd >= 0);
	tell("read", read(fd, buf, sizeof(buf)));
	tell("pread", pread(fd, buf, LEN - 100, 100));
	tell("preadv", preadv(fd, iov, 3, 0));
	tell("preadv2", preadv2(fd, iov, 3, 50, 0));
	T_CHECK(lseek(fd, 0, SEEK_SET) == 0);
	tell("readv", readv(fd, iov, 3));
	T_CHECK(pipe(p) == 0);
	T_CHECK(lseek(fd, 0, SEEK_SET) == 0);
	n = sendfile(p[1], fd, NULL, 40000);
	T_CHECK(n > 0);
	while (got < n) {
		ssize_t more = read(p[0], buf + got, (size_t)(n - got));

		T_CHECK(more > 0);
		got += more;
	}
	tell("sendfile", n);
	close(p[0]);
	close(p[1]);
	close(fd);
}

static void child_reads(const char *name)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	T_CHECK(pid >= 0);
	if (!pid) {
		read_all_ways(name);
		fflush(stdout);
		_exit(0);
	}
	T_CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void write_file(const char *name, uint64_t x, int flags, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | flags, 0600);

	fill(buf, len, x);
	T_CHECK(fd >= 0 && write(fd, buf, len) == (ssize_t)len);
	close(fd);
}

int main(void)
{
	static const char *const made[] = {"/proc/self/maps", "/proc/stat", "/proc/cpuinfo",
					   "/proc/self/environ"};
	uint64_t x = t_seed();
	char *map;
	int fd;

	write_file("same", x, O_TRUNC, LEN);
	write_file("changing", x, O_TRUNC, LEN);
	for (int i = 0; i < ROUNDS; i++) {
		read_all_ways("same");
		child_reads("same");
		child_reads("changing");
		fd = open("changing", O_RDWR);
		T_CHECK(fd >= 0);
		switch (i) {
		case 0: /* one byte, in place */
			T_CHECK(pwrite(fd, "x", 1, 30000) == 1);
			break;
		case 1: /* through memory that is shared */
			map = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			T_CHECK(map != MAP_FAILED);
			map[20000] ^= 1;
			read_all_ways("changing");
			map[20001] ^= 1;
			T_CHECK(munmap(map, LEN) == 0);
			break;
		case 2:
			T_CHECK(ftruncate(fd, 30000) == 0);
			break;
		case 3:
			write_file("changing", x + 1, O_APPEND, LEN - 30000);
			break;
		case 4: /* same length, same content but for the last byte */
			write_file("other", x, O_TRUNC, LEN);
			fill(buf, LEN, x);
			T_CHECK(rename("other", "changing") == 0);
			T_CHECK(pwrite(fd, "y", 1, 0) == 1);
			break;
		}
		close(fd);
	}
	fd = open("sparse", O_RDWR | O_CREAT | O_TRUNC, 0600);
	T_CHECK(fd >= 0 && pwrite(fd, "end", 3, LEN - 3) == 3);
	close(fd);
	read_all_ways("sparse");
	child_reads("sparse");
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
			fd = open(made[i], O_RDONLY);
			T_CHECK(fd >= 0);
			for (int k = 0; k < 20; k++) {
				ssize_t n = read(fd, buf, PAGE);

				if (n <= 0)
					break;
				tell(made[i], n);
			}
			close(fd);
		}
	return 0;
}
