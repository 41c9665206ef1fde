/*
 * A daemon: double fork, setsid, descriptors moved to a file, its starter gone; and one by
 * daemon(3) that outlives the command. Shows that a process whose parent has ended is
 * still recorded and replayed.
 */
#include "victim.h"

/* Becomes a daemon that writes `beats` lines to log; alive is closed when it ends. */
static void work(const char *log, int beats)
{
	int null = open("/dev/null", O_RDWR);
	int out = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);

	T_CHECK(null >= 0 && out >= 0 && dup2(null, 0) == 0);
	T_CHECK(dup2(out, 1) == 1 && dup2(out, 2) == 2);
	close(null);
	close(out);
	for (int i = 0; i < beats; i++) {
		printf("daemon %d, session %d, beat %d at %ld\n", getpid(), getsid(0), i,
		       (long)t_now_ns(CLOCK_REALTIME));
		fflush(stdout);
		usleep(1000);
	}
}

int main(void)
{
	char buf[2000], cwd[4000], log[4100];
	int alive[2];

	T_CHECK(getcwd(cwd, sizeof(cwd)) && pipe2(alive, O_CLOEXEC) == 0);
	snprintf(log, sizeof(log), "%s/log", cwd);
	pid_t pid = t_fork();
	if (pid == 0) {
		close(alive[0]);
		T_CHECK(setsid() == getpid());
		if (t_fork() != 0)
			_exit(0);
		T_CHECK(getsid(0) != getpid() && chdir("/") == 0);
		umask(0);
		work(log, 5);
		_exit(0);
	}
	close(alive[1]);
	t_wait_exit(pid, 0);
	T_CHECK(t_read_all(alive[0], buf, 1) == 0);
	int fd = open("log", O_RDONLY);
	size_t n = t_read_all(fd, buf, sizeof(buf) - 1);
	buf[n] = 0;
	T_CHECK(strstr(buf, "beat 4"));
	printf("%s", buf);
	pid = t_fork();
	if (pid == 0) {
		T_CHECK(daemon(1, 0) == 0);
		work("log-2", 30);
		exit(0);
	}
	t_wait_exit(pid, 0);
	printf("the second daemon may still run\n");
	return 0;
}
