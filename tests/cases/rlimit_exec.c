/*
 * exec under a descriptor limit of 3, where the dynamic linker cannot open a library, and
 * of 4, where it can. Shows that the next image dies or lives as it does natively.
 */
#include "victim.h"
#include <sys/resource.h>

static int run(rlim_t limit)
{
	struct rlimit rl;
	int status;
	pid_t pid = t_fork();

	if (pid == 0) {
		T_CHECK(getrlimit(RLIMIT_NOFILE, &rl) == 0);
		rl.rlim_cur = limit;
		T_CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
		execl("/bin/true", "true", (char *)NULL);
		_exit(9);
	}
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	printf("limit %lu: pid %d, status %d\n", (unsigned long)limit, pid, WEXITSTATUS(status));
	return WEXITSTATUS(status);
}

int main(void)
{
	T_CHECK(run(3) == 127);
	T_CHECK(run(4) == 0);
	return 0;
}
