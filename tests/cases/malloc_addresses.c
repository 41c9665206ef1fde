/*
 * Addresses and leftovers: pointers of heap, stack, mappings, libraries, brk; order of a
 * set keyed by address; bytes nobody initialised on stack and heap. Shows that memory is
 * the same in both modes, also where the runtime has been.
 */
/* CFLAGS: -O1 -fno-stack-protector */
#include "victim.h"
#include <dlfcn.h>
#include <malloc.h>
#include <sys/mman.h>

static int global;

static int by_address(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

/* What the calls before left below the stack pointer. */
__attribute__((noinline)) static uint64_t stale_stack(void)
{
	volatile char frame[6000];
	uint64_t h = 1;

	for (size_t i = 0; i < sizeof(frame); i++)
		h = h * 31 + (unsigned char)T_OPAQUE(&frame[i])[0];
	return h;
}

static void leftovers(const char *after)
{
	printf("stale stack after %s %016lx\n", after, stale_stack());
}

int main(void)
{
	char *blocks[64], buf[64], path[64];
	void *maps[8];

	printf("main %p global %p stack %p brk %p\n", (void *)main, (void *)&global, (void *)buf,
	       sbrk(0));
	printf("printf %p stdout %p environ %p\n", dlsym(RTLD_DEFAULT, "printf"),
	       (void *)stdout, dlsym(RTLD_DEFAULT, "environ"));
	uint64_t seed = t_seed();
	for (int i = 0; i < 64; i++) {
		seed = seed * 6364136223846793005u + 1;
		size_t len = 16 + (seed >> 33) % (i % 8 == 0 ? 400000 : 3000);

		blocks[i] = malloc(len);
		T_CHECK(blocks[i] && malloc_usable_size(blocks[i]) >= len);
		if (i % 3 == 0) {
			free(blocks[i / 2]);
			blocks[i / 2] = malloc(len / 2);
		}
		printf("block %d %p\n", i, (void *)blocks[i]);
	}
	qsort(blocks, 64, sizeof(blocks[0]), by_address);
	uint64_t h = 0;
	for (int i = 0; i < 64; i++)
		h = h * 31 + (uintptr_t)blocks[i];
	printf("order %016lx\n", h);
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
	unsigned char *old = malloc(3000);
	T_CHECK(old);
	printf("stale heap %016lx\n", t_hash(T_OPAQUE(old), 3000));
	for (int i = 0; i < 8; i++) {
		maps[i] = mmap(NULL, 4096u << i, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		T_CHECK(maps[i] != MAP_FAILED);
		printf("map %p\n", maps[i]);
		if (i & 1)
			T_CHECK(munmap(maps[i - 1], 4096u << (i - 1)) == 0);
	}
	T_CHECK(mmap((void *)0x10000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		MAP_FAILED);
	printf("brk +1 MiB %p -> %p\n", sbrk(1 << 20), sbrk(0));

	leftovers("printf");
	getppid();
	leftovers("a small call");
	snprintf(path, sizeof(path), "f%d", getpid());
	int fd = open(path, O_CREAT | O_RDWR, 0600);
	leftovers("open");
	T_CHECK(write(fd, path, 5) == 5);
	leftovers("write");
	T_CHECK(pread(fd, buf, 5, 0) == 5);
	leftovers("pread");
	t_now_ns(CLOCK_REALTIME);
	leftovers("clock_gettime");
	struct stat st;
	T_CHECK(stat(path, &st) == 0);
	leftovers("stat");
	syscall(SYS_getpid);
	leftovers("syscall(2)");
	pid_t pid = t_fork();
	if (pid == 0) {
		leftovers("fork, in the child");
		exit(0);
	}
	t_wait_exit(pid, 0);
	leftovers("wait");
	return 0;
}
