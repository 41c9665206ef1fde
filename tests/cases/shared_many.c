/*
 * Pieces of memory that a child writes and its parent reads, each in a file of its own: semaphores
 * of a long run of Python's multiprocessing, segments of parallel queries. All are found, the last ones, too.
 */
#include "victim.h"
#include <sys/mman.h>

enum { COUNT = 700 };

int main(void)
{
	static volatile uint64_t *word[COUNT];
	uint64_t sum = 0;
	int status;
	pid_t pid;

	for (int i = 0; i < COUNT; i++) {
		int fd = memfd_create("piece", MFD_CLOEXEC);

		T_CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
		word[i] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		T_CHECK(word[i] != MAP_FAILED && close(fd) == 0);
		*word[i] = (uint64_t)i;
	}
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < COUNT; i++)
			*word[i] += t_seed();
		_exit(0);
	}
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
	for (int i = 0; i < COUNT; i++) {
		T_CHECK(*word[i] != (uint64_t)i);
		sum = sum * 31 + *word[i];
	}
	printf("%d pieces, %016lx\n", COUNT, sum);
	return 0;
}
