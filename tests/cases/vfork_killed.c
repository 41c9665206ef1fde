/*
 * A process whose vfork child failed to exec, and ended in its parent's stream, is killed
 * later: the child's end is not its own.
 */
#include "victim.h"
#include <spawn.h>

int main(void)
{
	char *argv[] = {"nonexistent", NULL};
	int p[2], status;
	pid_t pid, spawned;
	char byte;

	T_CHECK(pipe(p) == 0);
	pid = t_fork();
	if (pid == 0) {
		T_CHECK(posix_spawnp(&spawned, argv[0], NULL, NULL, argv, NULL) == ENOENT);
		printf("%d goes on\n", getpid());
		fflush(stdout);
		t_write_all(p[1], "x", 1);
		for (;;)
			pause();
	}
	T_CHECK(read(p[0], &byte, 1) == 1 && kill(pid, SIGTERM) == 0);
	T_CHECK(waitpid(pid, &status, 0) == pid);
	T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	printf("%d ended\n", pid);
	return 0;
}
