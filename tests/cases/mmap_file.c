/*
 * Mapped files: private, shared, beyond the end, after the file changed, memfd, /dev/zero.
 * Shows that mapped contents come from the recording, as they were when the page was seen,
 * and that what the program writes through a mapping is there when it reads the file.
 */
#include "victim.h"
#include <setjmp.h>
#include <sys/mman.h>

static sigjmp_buf beyond;

static void on_bus(int sig)
{
	siglongjmp(beyond, sig);
}

static char *map(int fd, size_t len, int prot, int flags, off_t at)
{
	char *p = mmap(NULL, len, prot, flags, fd, at);

	T_CHECK(p != MAP_FAILED);
	return p;
}

/* Mapped through a descriptor that only reads, written through another, beyond its end, too. */
static void by_another(uint64_t seed)
{
	int out = open("n", O_CREAT | O_RDWR, 0600), in = open("n", O_RDONLY);
	char text[40];
	int len = snprintf(text, sizeof(text), "first %016lx", (long)seed);

	T_CHECK(out >= 0 && in >= 0 && write(out, text, (size_t)len) == len);
	char *p = map(in, (size_t)len, PROT_READ, MAP_SHARED, 0);
	printf("mapped: %s\n", p);
	T_CHECK(write(out, ", second", 8) == 8);
	printf("and then: %s\n", p);
	T_CHECK(strcmp(p + len, ", second") == 0);
	T_CHECK(pwrite(out, text, (size_t)len, 5000) == len);
	p = mremap(p, (size_t)len, 8192, MREMAP_MAYMOVE);
	T_CHECK(p != MAP_FAILED && strcmp(p + 5000, text) == 0);
	printf("and beyond: %s\n", p + 5000);
	T_CHECK(munmap(p, 8192) == 0 && close(in) == 0 && close(out) == 0);
}

int main(void)
{
	static char page[4096 * 3], back[64];
	uint64_t seed = t_seed();
	int fd = open("m", O_CREAT | O_RDWR, 0600);

	t_fill(page, sizeof(page), seed);
	T_CHECK(fd >= 0 && write(fd, page, 4096 * 2 + 100) == 4096 * 2 + 100);

	char *priv = map(fd, 4096 * 3, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	T_CHECK(memcmp(priv, page, 4096 * 2 + 100) == 0 && priv[4096 * 2 + 100] == 0);
	priv[0] ^= 1;
	T_CHECK(pread(fd, back, 1, 0) == 1 && back[0] == page[0]);
	printf("private %p %016lx\n", (void *)priv, t_hash(priv, 4096 * 3));

	char *at = map(fd, 4096, PROT_READ, MAP_PRIVATE, 4096);
	T_CHECK(memcmp(at, page + 4096, 4096) == 0);

	/* The last page's tail is zero; the page after it is SIGBUS. */
	T_CHECK(ftruncate(fd, 4096 + 10) == 0);
	char *end = map(fd, 4096 * 3, PROT_READ, MAP_SHARED, 0);
	T_CHECK(end[4096 + 9] == page[4096 + 9] && end[4096 + 10] == 0);
	signal(SIGBUS, on_bus);
	if (sigsetjmp(beyond, 1) == 0) {
		printf("beyond: %d\n", *(volatile char *)(end + 4096 * 2));
		T_CHECK(!"SIGBUS expected");
	}
	T_CHECK(ftruncate(fd, 4096 * 3) == 0 && end[4096 * 2] == 0);

	/* A private page that was not touched yet shows the file's later content. */
	char *late = map(fd, 4096 * 3, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	t_fill(page, 4096, seed + 7);
	T_CHECK(pwrite(fd, page, 4096, 4096) == 4096);
	T_CHECK(memcmp(late + 4096, page, 4096) == 0);
	printf("changed %016lx\n", t_hash(late, 4096 * 2));

	/* Written through the mapping, read through the descriptor, and the reverse. */
	char *shared = map(fd, 4096 * 3, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	snprintf(shared + 100, 60, "through the mapping %d", getpid());
	T_CHECK(pread(fd, back, 60, 100) == 60 && strcmp(back, shared + 100) == 0);
	printf("read back: %s\n", back);
	snprintf(back, sizeof(back), "through the file %ld", (long)seed);
	T_CHECK(pwrite(fd, back, 60, 200) == 60 && strcmp(shared + 200, back) == 0);
	printf("seen in the mapping: %s\n", shared + 200);
	T_CHECK(msync(shared, 4096, MS_SYNC) == 0);
	T_CHECK(mprotect(shared, 4096, PROT_READ) == 0 && close(fd) == 0);
	T_CHECK(memcmp(shared + 4096, page, 4096) == 0);

	by_another(seed);

	/* A file mapping that outgrows itself and moves. */
	char *moved = mremap(late, 4096 * 3, 4096, 0);
	T_CHECK(moved == late);
	moved = mremap(priv, 4096 * 3, 4096 * 64, MREMAP_MAYMOVE);
	T_CHECK(moved != MAP_FAILED);
	printf("moved %p\n", (void *)moved);

	int mem = memfd_create("victim", MFD_CLOEXEC);
	T_CHECK(mem >= 0 && ftruncate(mem, 8192) == 0);
	char *m = map(mem, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	char *m2 = map(mem, 8192, PROT_READ, MAP_SHARED, 0);
	snprintf(m, 64, "%p %ld", (void *)m, (long)seed);
	T_CHECK(strcmp(m2, m) == 0 && pread(mem, back, 64, 0) == 64 && strcmp(back, m) == 0);
	printf("memfd %s\n", m2);

	int zero = open("/dev/zero", O_RDWR);
	char *z = map(zero, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	T_CHECK(z[5000] == 0);
	z[5000] = 1;
	int self = open("/proc/self/exe", O_RDONLY);
	char *e = map(self, 4096, PROT_READ, MAP_PRIVATE, 0);
	T_CHECK(memcmp(e, "\177ELF", 4) == 0);
	T_FAILS(EBADF, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 0));
	T_FAILS(EACCES, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, self, 0));
	T_FAILS(EINVAL, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, self, 1));
	T_CHECK(munmap(m, 8192) == 0 && munmap(z, 8192) == 0 && munmap(e, 4096) == 0);
	return 0;
}
