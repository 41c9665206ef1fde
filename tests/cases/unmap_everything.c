/*
 * A program that clears away every mapping of /proc/self/maps that it does not need: the
 * runtime's memory is among them. (stress-ng's munmap stressor hung in the middle of it.)
 */
#include "victim.h"
#include <sys/mman.h>
#include <sys/wait.h>

static char text[1 << 18];

int main(void)
{
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/maps", O_RDONLY), own = 0;
	size_t len = 0;
	ssize_t n;

	T_CHECK(p != MAP_FAILED && fd >= 0);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long from, to;
		char path[256] = "", prot[8];

		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &from, &to, prot, path) < 3)
			continue;
		/* what lies where no kernel puts anything by itself, or has an unknown name */
		if (!(from >= 0x100000000000 && to <= 0x555500000000) &&
		    !strstr(path, "/libdeja-") && !strstr(path, "/dev/shm/deja-"))
			continue;
		own++;
		mprotect((void *)from, to - from, PROT_NONE);
		madvise((void *)from, to - from, MADV_DONTNEED);
		mremap((void *)from, to - from, to - from + 4096, MREMAP_MAYMOVE);
		T_CHECK(mmap((void *)from, to - from, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (void *)from);
		T_CHECK(munmap((void *)from, to - from) == 0);
	}
	/* and whatever may lie in between */
	T_CHECK(munmap((void *)0x100000000000, 0x455500000000) == 0);
	T_CHECK(munmap(p, 4096) == 0 && mprotect(p + 4096, 4096, PROT_READ) == 0);
	p[8192] = 1;
	if (!fork()) {
		T_CHECK(munmap((void *)0x540000000000, 0x2000000000) == 0);
		_exit(7);
	}
	T_CHECK(wait(NULL) > 0);
	fprintf(stderr, "%d\n", own > 0);
	printf("%016lx went on\n", t_seed());
	return 0;
}
