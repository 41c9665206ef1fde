/*
 * Memory that is mostly hole: files of 2 GiB, mapped, and a segment of 2 GiB, of which three pages
 * are used. Shows that what is not used takes no memory and no time: nobody looks at each of its pages.
 */
#include "victim.h"
#include <sys/mman.h>
#include <sys/shm.h>

enum { PAGE = 4096, LOOKED_AT = 1 << 28 };
#define LEN (1ul << 31)

/* The pages of the first 256 MiB that are there. */
static int there(char *mem)
{
	static unsigned char vec[LOOKED_AT / PAGE];
	int n = 0;

	T_CHECK(mincore(mem, LOOKED_AT, vec) == 0);
	for (size_t i = 0; i < sizeof(vec); i++)
		n += vec[i] & 1;
	return n;
}

static void use(const char *what, char *mem)
{
	T_CHECK(mem != MAP_FAILED);
	mem[12345] = (char)(mem[LEN / 2] + 1);
	mem[LEN - 1] = 2;
	printf("%s: %d %d %d, pid %d\n", what, mem[12345], mem[LEN / 2], mem[LEN - 1], getpid());
}

static char *map(int fd, int shared)
{
	T_CHECK(fd >= 0 && ftruncate(fd, LEN) == 0 && pwrite(fd, "x", 1, LEN / 2) == 1);
	return mmap(NULL, LEN, PROT_READ | PROT_WRITE, shared | MAP_NORESERVE, fd, 0);
}

int main(void)
{
	int id = shmget(IPC_PRIVATE, LEN, IPC_CREAT | SHM_NORESERVE | 0600);

	T_CHECK(id >= 0);
	char *segment = shmat(id, NULL, 0);
	T_CHECK(segment != (void *)-1 && shmctl(id, IPC_RMID, NULL) == 0 && there(segment) == 0);
	use("segment", segment);
	use("memory file", map(memfd_create("m", 0), MAP_SHARED));
	use("file", map(open("f", O_CREAT | O_RDWR, 0600), MAP_SHARED));
	use("its own copy", map(open("f", O_RDWR), MAP_PRIVATE));
	return 0;
}
