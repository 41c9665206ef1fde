/*
 * Pipes: pipe, pipe2, FIFOs, packets, splice, tee, vmsplice, popen, end of file, EAGAIN.
 * Shows that what a child wrote and how it was cut into reads come from the recording.
 */
#include "victim.h"
#include <sys/ioctl.h>
#include <sys/uio.h>

static void with_child(void)
{
	char buf[4096];
	int p[2], back[2], reads = 0;
	size_t total = 0;
	uint64_t h = 0;

	T_CHECK(pipe(p) == 0 && pipe(back) == 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		close(p[0]);
		for (int i = 0; i < 200; i++) {
			t_fill(buf, 1000, t_seed());
			t_write_all(p[1], buf, 1 + (size_t)(buf[0] & 127) * 7);
		}
		close(p[1]);
		T_CHECK(t_read_all(back[0], buf, 5) == 5 && memcmp(buf, "done\n", 5) == 0);
		_exit(0);
	}
	close(p[1]);
	for (ssize_t n; (n = read(p[0], buf, sizeof(buf))) != 0; reads++) {
		T_CHECK(n > 0);
		total += (size_t)n;
		h ^= t_hash(buf, (size_t)n) + (uint64_t)n;
	}
	t_write_all(back[1], "done\n", 5);
	t_wait_exit(pid, 0);
	printf("%zu bytes in %d reads, %016lx\n", total, reads, h);
	close(p[0]), close(back[0]), close(back[1]);
}

static void modes(void)
{
	char buf[70000] = {0};
	int p[2], left = -1;
	ssize_t n, total = 0;

	T_CHECK(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
	T_FAILS(EAGAIN, read(p[0], buf, 1));
	while ((n = write(p[1], buf, sizeof(buf))) > 0)
		total += n;
	T_CHECK(errno == EAGAIN && ioctl(p[0], FIONREAD, &left) == 0 && left == total);
	printf("pipe holds %zd\n", total);
	close(p[0]), close(p[1]);

	T_CHECK(pipe2(p, O_DIRECT) == 0 && write(p[1], "abc", 3) == 3);
	T_CHECK(write(p[1], "defg", 4) == 4 && read(p[0], buf, 100) == 3);
	T_CHECK(read(p[0], buf, 2) == 2);
	close(p[0]), close(p[1]);
}

static void splices(void)
{
	char buf[64] = {0}, text[64];
	int a[2], b[2], fd = open("s", O_CREAT | O_RDWR, 0600);
	int len = snprintf(text, sizeof(text), "splice %ld", (long)t_seed());
	loff_t at = 0;

	T_CHECK(fd >= 0 && pipe(a) == 0 && pipe(b) == 0);
	T_CHECK(pwrite(fd, text, (size_t)len, 0) == len);
	T_CHECK(splice(fd, &at, a[1], NULL, 100, 0) == len && at == len);
	T_CHECK(tee(a[0], b[1], 100, 0) == len);
	T_CHECK(read(b[0], buf, sizeof(buf)) == len && strcmp(buf, text) == 0);
	T_CHECK(splice(a[0], NULL, fd, &at, 100, 0) == len && at == 2 * len);
	struct iovec v = {text, (size_t)len};
	ssize_t n = vmsplice(b[1], &v, 1, 0); /* refused when recorded, which callers expect */
	T_CHECK((n == len && read(b[0], buf, 6) == 6) || (n == -1 && errno == ENOSYS));
	printf("%s\n", buf);
}

static void fifo(void)
{
	char buf[32];

	T_CHECK(mkfifo("fifo", 0600) == 0);
	T_FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
	pid_t pid = t_fork();
	if (pid == 0) {
		int w = open("fifo", O_WRONLY);

		T_CHECK(w >= 0 && dprintf(w, "child %d", getpid()) > 6);
		_exit(3);
	}
	int r = open("fifo", O_RDONLY);
	size_t n = t_read_all(r, buf, sizeof(buf) - 1);
	buf[n] = 0;
	T_CHECK(n > 6 && atoi(buf + 6) == pid);
	printf("fifo: %s\n", buf);
	t_wait_exit(pid, 3);
	close(r);
}

static void streams(void)
{
	char line[64];
	FILE *f = popen("echo $$; cat /proc/sys/kernel/random/uuid", "r");

	T_CHECK(f && fgets(line, sizeof(line), f));
	printf("popen pid %s", line);
	T_CHECK(fgets(line, sizeof(line), f) && strlen(line) == 37);
	printf("uuid %s", line);
	T_CHECK(pclose(f) == 0);
	fflush(stdout);
	f = popen("cat; exit 5", "w");
	T_CHECK(f && fprintf(f, "to the child %d\n", getpid()) > 0);
	int status = pclose(f);
	T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

int main(void)
{
	with_child();
	modes();
	splices();
	fifo();
	streams();
	return 0;
}
