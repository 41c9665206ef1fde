/*
 * A child by vfork that asks to be traced, makes a call and executes another program, as gdbserver starts
 * one: its maker sleeps until then, and could not let it go on from any stop.
 */
#include "victim.h"
#include <sys/ptrace.h>

int main(int argc, char **argv)
{
	int status, stops = 0;
	uint64_t seed = t_seed();
	char text[32];
	pid_t pid;

	if (argc > 1) {
		printf("traced, %s\n", argv[1]);
		return 7;
	}
	snprintf(text, sizeof(text), "%016lx", seed);
	fflush(stdout);
	pid = vfork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || syscall(SYS_setpgid, 0, 0) < 0 || syscall(SYS_getsid, 0) < 0)
			_exit(1);
		execl("/proc/self/exe", argv[0], text, (char *)NULL);
		_exit(2);
	}
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		int signo = WSTOPSIG(status);

		stops++;
		T_CHECK(stops > 1 || signo == SIGTRAP); /* the first: it executes */
		T_CHECK(ptrace(PTRACE_CONT, pid, NULL, signo == SIGTRAP ? 0 : signo) == 0);
	}
	T_CHECK(stops && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	printf("%d, seed %016lx\n", pid, seed);
	return 0;
}
