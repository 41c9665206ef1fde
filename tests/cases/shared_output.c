/*
 * Processes that share memory write lines to the same standard output and error, in whatever
 * order they come to it. Shows that the recorded order is the real one.
 */
/* SOAK */
/* MERGED */
#include "victim.h"
#include <sys/mman.h>

enum { WORKERS = 4, LINES = 150 };

int main(void)
{
	_Atomic long *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[WORKERS];

	T_CHECK(count != MAP_FAILED);
	for (int w = 0; w < WORKERS; w++) {
		pid[w] = t_fork();
		if (pid[w])
			continue;
		for (int i = 0; i < LINES; i++) {
			long n = ++*count;

			T_CHECK(dprintf(1 + i % 2, "%d: %d of %ld\n", getpid(), i, n) > 0);
			for (int k = 0; k < (w + 1) * 3000; k++)
				T_OPAQUE(k);
		}
		_exit(0);
	}
	for (int w = 0; w < WORKERS; w++)
		t_wait_exit(pid[w], 0);
	T_CHECK(*count == WORKERS * LINES);
	return 0;
}
