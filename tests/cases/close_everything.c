/*
 * A child that closes every descriptor there is, twice over, and opens its own as 0, 1
 * and 2; close_range and closefrom. Shows that the recorder holds no descriptor that a
 * program can close, and that descriptor numbers stay the kernel's.
 */
#include "victim.h"
#include <dirent.h>
#include <linux/close_range.h>
#include <sys/resource.h>

static void close_by_proc(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *de;

	T_CHECK(dir);
	while ((de = readdir(dir)))
		if (atoi(de->d_name) > 2 && atoi(de->d_name) != dirfd(dir))
			close(atoi(de->d_name));
	closedir(dir);
}

static void daemonise(int how)
{
	struct rlimit rl;

	T_CHECK(getrlimit(RLIMIT_NOFILE, &rl) == 0);
	if (how == 0)
		for (int fd = 3; fd < 70000; fd++)
			close(fd);
	if (how == 1)
		T_CHECK(close_range(3, ~0u, 0) == 0);
	if (how == 2)
		closefrom(3);
	if (how == 3)
		close_by_proc();
	for (int fd = 0; fd < 3; fd++)
		T_CHECK(close(fd) == 0);
	for (int fd = 0; fd < 1000; fd++)
		T_FAILS(EBADF, fcntl(fd, F_GETFD));
	T_CHECK(getpid() > 0 && t_now_ns(CLOCK_REALTIME) > 0);
	/* Nothing open at all: the lowest numbers come again. */
	T_CHECK(open("/dev/null", O_RDONLY) == 0);
	T_CHECK(open("out", O_CREAT | O_APPEND | O_WRONLY, 0600) == 1 && dup(1) == 2);
	printf("way %d: %d at %ld\n", how, getpid(), (long)t_now_ns(CLOCK_REALTIME));
	fflush(stdout);
	dprintf(2, "stderr of way %d\n", how);
	T_CHECK(system("echo $$ from a shell") == 0);
	T_CHECK(open("/dev/null", O_RDONLY) == 3);
	_exit(how);
}

int main(void)
{
	char buf[2000];

	for (int how = 0; how < 4; how++) {
		pid_t pid = t_fork();
		if (pid == 0)
			daemonise(how);
		t_wait_exit(pid, how);
	}
	int fd = open("out", O_RDONLY);
	T_CHECK(fd == 3);
	size_t n = t_read_all(fd, buf, sizeof(buf) - 1);
	buf[n] = 0;
	printf("%s", buf);
	T_CHECK(strstr(buf, "way 3") && strstr(buf, "from a shell"));

	/* A high descriptor where a tool might hide its own. */
	static const int high[] = {63, 100, 255, 511, 900, 1000, 1019, 1023};
	for (size_t i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
		T_FAILS(EBADF, fcntl(high[i], F_GETFD));
		T_CHECK(dup2(fd, high[i]) == high[i] && close(high[i]) == 0);
	}
	T_CHECK(close(fd) == 0);
	T_CHECK(close_range(3, 5, CLOSE_RANGE_CLOEXEC) == 0);
	/* The command's own stdin goes and comes back as something else. */
	T_CHECK(close(0) == 0 && open("out", O_RDONLY) == 0);
	T_CHECK(fgets(buf, sizeof(buf), stdin) && strncmp(buf, "way 0", 5) == 0);
	fflush(NULL);
	int keep = dup(1);
	T_CHECK(keep == 3 && close(1) == 0 && open("other", O_CREAT | O_RDWR, 0600) == 1);
	printf("into the file %d\n", getpid());
	fflush(stdout);
	T_CHECK(dup2(keep, 1) == 1 && close(keep) == 0);
	printf("on stdout again\n");
	return 0;
}
