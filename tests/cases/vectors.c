/*
 * Vectors: readv, writev, preadv, pwritev and their flagged forms. Shows that bytes are
 * scattered and gathered by the vector's own lengths, and that short results stop there.
 */
#include "victim.h"
#include <limits.h>
#include <sys/uio.h>

int main(void)
{
	uint64_t seed = t_seed();
	char a[100], b[1000], c[7], in_a[50], in_b[1060], in_c[20];
	int fd = open("v", O_CREAT | O_RDWR, 0600);

	T_CHECK(fd >= 0);
	t_fill(a, sizeof(a), seed);
	t_fill(b, sizeof(b), seed + 1);
	t_fill(c, sizeof(c), seed + 2);
	struct iovec out[] = {{a, sizeof(a)}, {NULL, 0}, {b, sizeof(b)}, {c, sizeof(c)}};
	T_CHECK(writev(fd, out, 4) == 1107);
	struct iovec in[] = {{in_a, sizeof(in_a)}, {in_b, sizeof(in_b)}, {in_c, sizeof(in_c)}};
	memset(in_c, '#', sizeof(in_c));
	T_CHECK(preadv(fd, in, 3, 0) == 1107 && in_c[0] == '#');
	T_CHECK(memcmp(in_a, a, 50) == 0 && memcmp(in_b, a + 50, 50) == 0);
	T_CHECK(memcmp(in_b + 50, b, 1000) == 0 && memcmp(in_b + 1050, c, 7) == 0);
	T_CHECK(lseek(fd, 90, SEEK_SET) == 90);
	memset(in_b, '#', sizeof(in_b));
	T_CHECK(readv(fd, in, 2) == 1017 && memcmp(in_a, a + 90, 10) == 0 && in_b[967] == '#');
	printf("read %016lx %016lx\n", t_hash(in_a, sizeof(in_a)), t_hash(in_b, sizeof(in_b)));

	T_CHECK(pwritev(fd, out + 2, 2, 5000) == 1007);
	T_CHECK(pwritev2(fd, out, 1, -1, 0) == 100 && lseek(fd, 0, SEEK_CUR) == 1207);
	T_CHECK(pwritev2(fd, out, 1, 0, RWF_APPEND) == 100);
	T_CHECK(lseek(fd, 0, SEEK_END) == 6107);
	T_CHECK(preadv2(fd, in, 1, 6007, 0) == 50 && memcmp(in_a, a, 50) == 0);
	T_CHECK(lseek(fd, 0, SEEK_SET) == 0 && preadv2(fd, in, 3, -1, 0) == 1130);
	T_CHECK(preadv2(fd, in, 3, 100000, 0) == 0);
	ssize_t n = preadv2(fd, in, 1, 0, RWF_NOWAIT);
	T_CHECK(n == 50 || (n == -1 && (errno == EOPNOTSUPP || errno == EAGAIN)));

	T_CHECK(writev(fd, out, 0) == 0);
	T_FAILS(EINVAL, writev(fd, out, T_OPAQUE(-1)));
	T_FAILS(EINVAL, syscall(SYS_readv, fd, in, IOV_MAX + 1));

	struct iovec many[IOV_MAX];
	char bytes[IOV_MAX];
	for (int i = 0; i < IOV_MAX; i++)
		many[i] = (struct iovec){bytes + (i * 7) % IOV_MAX, 1};
	T_CHECK(preadv(fd, many, IOV_MAX, 0) == IOV_MAX);
	printf("one byte each %016lx\n", t_hash(bytes, sizeof(bytes)));

	int p[2];
	T_CHECK(pipe(p) == 0 && writev(p[1], out + 3, 1) == 7);
	T_CHECK(readv(p[0], in, 3) == 7 && memcmp(in_a, c, 7) == 0);
	T_FAILS(ESPIPE, preadv(p[0], in, 1, 0));

	struct iovec local = {in_a, 16}, remote = {a, 16};
	n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	if (n == 16)
		T_CHECK(memcmp(in_a, a, 16) == 0);
	/* what is written into the process itself so is there afterwards */
	struct iovec to[2] = {{in_b, 3}, {in_b + 20, 5}};
	local = (struct iovec){&seed, sizeof(seed)};
	memset(in_b, 0, 30);
	n = process_vm_writev(getpid(), &local, 1, to, 2, 0);
	if (n == 8)
		T_CHECK(memcmp(in_b, &seed, 3) == 0 && memcmp(in_b + 20, (char *)&seed + 3, 5) == 0);
	printf("seed %016lx, %016lx\n", seed, t_hash(in_b, 30));
	return 0;
}
