/*
 * Relative names while the working directory moves: chdir, fchdir, openat, a directory
 * removed under the process, chroot. Shows that no name is resolved when replaying.
 */
#include "victim.h"
#include <sys/sysmacros.h>

int main(int argc, char **argv)
{
	char cwd[4096], buf[64];
	struct stat st;

	if (argc > 1) { /* the image started from below, by a relative name */
		T_CHECK(getcwd(cwd, sizeof(cwd)));
		printf("again in %s as %s\n", cwd, argv[0]);
		return 0;
	}
	T_CHECK(mkdir("a", 0700) == 0 && mkdir("a/b", 0700) == 0);
	int top = open(".", O_RDONLY | O_DIRECTORY);
	T_CHECK(chdir("a") == 0);
	t_make_file("f", "in a");
	T_CHECK(chdir("b") == 0 && access("../f", R_OK) == 0 && access("f", R_OK) == -1);
	T_CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd + strlen(cwd) - 4, "/a/b") == 0);
	printf("%s\n", cwd);
	int b = open(".", O_PATH | O_DIRECTORY);
	int f = openat(b, "../f", O_RDONLY);
	T_CHECK(f >= 0 && read(f, buf, sizeof(buf)) == 4 && fstat(f, &st) == 0);
	printf("inode %lu on %u:%u\n", (unsigned long)st.st_ino, major(st.st_dev), minor(st.st_dev));
	T_CHECK(fchdir(top) == 0 && access("a/f", R_OK) == 0);
	T_CHECK(readlink("/proc/self/cwd", cwd, sizeof(cwd)) > 0);

	/* An image found by a relative name after moving. */
	T_CHECK(symlink("/proc/self/exe", "a/self") == 0 && chdir("a") == 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		execl("self", "relative name", "x", (char *)NULL);
		_exit(1);
	}
	t_wait_exit(pid, 0);

	/* A child's chdir is its own. */
	pid = t_fork();
	if (pid == 0)
		_exit(chdir("/") == 0 ? 0 : 1);
	t_wait_exit(pid, 0);
	T_CHECK(access("f", R_OK) == 0);

	/* The directory goes while we are in it. */
	T_CHECK(chdir("b") == 0 && rmdir("../b") == 0);
	T_CHECK(!getcwd(cwd, sizeof(cwd)) && errno == ENOENT);
	T_FAILS(ENOENT, open("x", O_CREAT | O_RDWR, 0600));
	pid = t_fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "echo shell in a lost directory $$", (char *)NULL);
		_exit(1);
	}
	t_wait_exit(pid, 0);
	T_CHECK(chdir("..") == 0 || fchdir(top) == 0);
	T_CHECK(fchdir(top) == 0);

	/* Another root, where the privilege is there. */
	pid = t_fork();
	if (pid == 0) {
		if (chroot("a") == -1) {
			T_CHECK(errno == EPERM);
			_exit(0);
		}
		T_CHECK(chdir("/") == 0 && access("/f", R_OK) == 0 && access("/proc", R_OK) == -1);
		int fd = open("/made", O_CREAT | O_RDWR, 0600);
		T_CHECK(fd >= 0 && dprintf(fd, "%d", getpid()) > 0 && t_now_ns(CLOCK_REALTIME) > 0);
		_exit(0);
	}
	t_wait_exit(pid, 0);
	return 0;
}
