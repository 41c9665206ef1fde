/*
 * Much data: 100 MiB through a pipe to a child, one write and one read of 16 MiB, a vector
 * of 64 x 1 MiB. Shows that payloads larger than any ring or frame pass whole.
 * VICTIM_SCALE is the number of MiB through the pipe.
 */
#include "victim.h"
#include <sys/uio.h>

enum { MIB = 1 << 20, BIG = 16 * MIB };

/* Half noise, half text, so that it compresses as real data does. */
static void noise(char *buf, size_t len, uint64_t *x)
{
	uint64_t *w = (uint64_t *)buf;

	for (size_t i = 0; i < len / 8; i++) {
		*x ^= *x << 13;
		*x ^= *x >> 7;
		*x ^= *x << 17;
		w[i] = i & 8 ? *x : 0x2020202020202020u;
	}
}

static uint64_t sum64(const char *buf, size_t len)
{
	const uint64_t *w = (const uint64_t *)buf;
	uint64_t h = 1;

	for (size_t i = 0; i < len / 8; i++)
		h = (h + w[i]) * 0x9e3779b97f4a7c15u;
	return h;
}

static void through_pipe(size_t mib)
{
	static char buf[MIB];
	uint64_t x = t_seed() | 1, sent = 0, got[2];
	int p[2], back[2];

	T_CHECK(pipe(p) == 0 && pipe(back) == 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		uint64_t h[2] = {0, 0};

		close(p[1]);
		for (size_t n; (n = t_read_all(p[0], buf, MIB)) > 0; h[1] += n)
			h[0] = h[0] * 31 + sum64(buf, n);
		t_write_all(back[1], h, sizeof(h));
		_exit(0);
	}
	close(p[0]);
	for (size_t i = 0; i < mib; i++) {
		noise(buf, MIB, &x);
		sent = sent * 31 + sum64(buf, MIB);
		t_write_all(p[1], buf, MIB);
	}
	close(p[1]);
	T_CHECK(t_read_all(back[0], got, sizeof(got)) == sizeof(got));
	T_CHECK(got[0] == sent && got[1] == mib * MIB);
	t_wait_exit(pid, 0);
	printf("%zu MiB, %016lx\n", mib, sent);
}

int main(void)
{
	const char *scale = getenv("VICTIM_SCALE");
	char *out = malloc(BIG), *in = malloc(BIG);
	uint64_t x = t_seed() | 1;
	struct iovec v[64];

	through_pipe(scale ? strtoul(scale, NULL, 10) : 100);
	T_CHECK(out && in);
	noise(out, BIG, &x);
	int fd = open("big", O_CREAT | O_RDWR, 0600);
	T_CHECK(write(fd, out, BIG) == BIG && pread(fd, in, BIG, 0) == BIG);
	T_CHECK(memcmp(in, out, BIG) == 0);
	printf("16 MiB at once %016lx\n", sum64(in, BIG));
	for (int i = 0; i < 64; i++)
		v[i] = (struct iovec){i & 1 ? in + (size_t)(i / 2 % 16) * MIB : out, MIB};
	ssize_t n = pwritev(fd, v, 64, 0);
	T_CHECK(n == 64 * MIB);
	memset(in, 0, BIG);
	for (int i = 0; i < 16; i++)
		v[i] = (struct iovec){in + (size_t)i * MIB, MIB};
	T_CHECK(preadv(fd, v, 16, MIB) == BIG);
	printf("vector %016lx\n", sum64(in, BIG));
	return 0;
}
