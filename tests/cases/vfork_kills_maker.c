/*
 * A vfork child kills its maker, which is in the middle of vfork, and ends: the last that is in
 * the maker's stream is the child's end, which is not its own. With an argument also the maker's
 * maker first, which is `deja record` (tests/cli/cut_threads.sh).
 */
#include "victim.h"

static int kill_maker(pid_t also)
{
	pid_t maker = getpid();

	printf("%d is killed\n", maker);
	fflush(stdout);
	if (vfork() == 0) {
		if (also)
			kill(also, SIGKILL);
		kill(maker, SIGKILL);
		_exit(9);
	}
	return 1;
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	(void)argv;
	if (argc > 1)
		return kill_maker(getppid());
	pid = t_fork();
	if (pid == 0)
		_exit(kill_maker(0));
	T_CHECK(waitpid(pid, &status, 0) == pid);
	T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	printf("%d was killed\n", pid);
	return 0;
}
