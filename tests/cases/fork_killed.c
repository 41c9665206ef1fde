/*
 * Processes that are killed while they fork: the child of a fork that its maker did not live
 * to see lives on. Killed at any time, so that some are killed there.
 */
/* SOAK */
#include "victim.h"

int main(void)
{
	int p[2], status;

	T_CHECK(pipe(p) == 0);
	for (int round = 0; round < 30; round++) {
		pid_t pid = t_fork(), last = 0, got;

		if (pid == 0) {
			close(p[0]);
			for (;;) {
				pid_t child = fork();

				if (child == 0) {
					pid_t self = getpid();

					usleep(300);
					t_write_all(p[1], &self, sizeof(self));
					_exit(0);
				}
				waitpid(child, NULL, WNOHANG);
			}
		}
		usleep(500 + round * 37);
		T_CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
		usleep(1000);
		T_CHECK(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0);
		while (read(p[0], &got, sizeof(got)) == sizeof(got))
			last = got;
		printf("%d was killed, the last child was %d\n", pid, last);
	}
	return 0;
}
