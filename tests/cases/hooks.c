/*
 * libc's wrappers one by one, above all the checking forms that _FORTIFY_SOURCE makes of
 * them (__read_chk, __poll_chk, __open_2 ...) and the ones with 64 in their names. Shows
 * that no exported form is missing and that errno is libc's.
 */
/* CFLAGS: -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -D_LARGEFILE64_SOURCE */
#include "victim.h"
#include <limits.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <stdarg.h>

/* Lengths the compiler cannot see, so that the checks are made at run time. */
#define N(x) T_OPAQUE((size_t)(x))

static void opens(void)
{
	int flags = T_OPAQUE(O_RDONLY), fds[7];

	t_make_file("h", "0123456789abcdefghij\n");
	fds[0] = open("h", flags);
	fds[1] = open64("h", flags);
	fds[2] = openat(AT_FDCWD, "h", flags);
	fds[3] = openat64(AT_FDCWD, "h", flags);
	fds[4] = creat64("h2", 0600);
	fds[5] = open("h3", O_CREAT | O_RDWR, 0600);
	fds[6] = fileno(fopen64("h", "re"));
	for (int i = 0; i < 7; i++)
		T_CHECK(fds[i] == 3 + i);
	T_FAILS(ENOENT, open("absent", flags));
	T_FAILS(ENOENT, openat64(AT_FDCWD, "absent", flags));
	for (int i = 0; i < 6; i++)
		T_CHECK(close(fds[i]) == 0);
}

static void reads(void)
{
	char buf[32] = {0}, path[PATH_MAX];
	struct stat64 st;
	struct statfs64 sf;
	int fd = open("h", O_RDWR);
	FILE *f = fopen("h", "r");

	T_CHECK(read(fd, buf, N(5)) == 5 && pread(fd, buf, N(5), 1) == 5);
	T_CHECK(pread64(fd, buf, N(5), 10) == 5 && memcmp(buf, "abcde", 5) == 0);
	T_CHECK(pwrite64(fd, "AB", N(2), 10) == 2 && lseek64(fd, 0, SEEK_END) == 21);
	T_CHECK(fgets(buf, (int)N(6), f) && strcmp(buf, "01234") == 0);
	T_CHECK(fread(buf, 1, N(5), f) == 5 && fread_unlocked(buf, 1, N(2), f) == 2);
	T_CHECK(fgets_unlocked(buf, (int)N(20), f) && buf[0] == 'c');
	T_CHECK(fseeko64(f, 3, SEEK_SET) == 0 && ftello64(f) == 3 && fclose(f) == 0);
	T_CHECK(ftruncate64(fd, 15) == 0 && truncate64("h", 12) == 0 && fstat64(fd, &st) == 0);
	T_CHECK(st.st_size == 12 && stat64("h", &st) == 0 && lstat64("h", &st) == 0);
	T_CHECK(fstatat64(AT_FDCWD, "h", &st, 0) == 0 && statfs64(".", &sf) == 0);
	printf("inode %lu free %lu\n", (unsigned long)st.st_ino, (unsigned long)sf.f_bfree);
	T_CHECK(posix_fallocate64(fd, 0, 100) == 0 && fallocate64(fd, 0, 0, 10) == 0);
	T_CHECK(symlink("target", "l") == 0 && readlink("l", buf, N(32)) == 6);
	T_CHECK(readlinkat(AT_FDCWD, "l", buf, N(32)) == 6);
	T_CHECK(getcwd(path, N(PATH_MAX)) && realpath(".", path));
	printf("%s\n", path);
	struct iovec v = {buf, 4};
	T_CHECK(preadv64(fd, &v, 1, 0) == 4 && pwritev64(fd, &v, 1, 0) == 4);
	T_CHECK(preadv64v2(fd, &v, 1, 0, 0) == 4 && pwritev64v2(fd, &v, 1, 0, 0) == 4);
	close(fd);
}

static void waits(void)
{
	int p[2], sv[2];
	char buf[32];
	fd_set set;

	T_CHECK(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) == 0);
	struct pollfd fds[2] = {{p[1], POLLOUT, 0}, {p[0], POLLIN, 0}};
	T_CHECK(poll(fds, N(2), 0) == 1);
	T_CHECK(ppoll(fds, N(2), &(struct timespec){0, 0}, NULL) == 1);
	FD_ZERO(&set);
	FD_SET(T_OPAQUE(p[1]), &set);
	T_CHECK(FD_ISSET(T_OPAQUE(p[1]), &set) && select(20, NULL, &set, NULL, NULL) == 1);
	T_CHECK(send(sv[0], "one", N(3), 0) == 3 && sendto(sv[0], "two", N(3), 0, NULL, 0) == 3);
	T_CHECK(recv(sv[1], buf, N(32), 0) == 3 && memcmp(buf, "one", 3) == 0);
	T_CHECK(recvfrom(sv[1], buf, N(32), 0, NULL, NULL) == 3 && memcmp(buf, "two", 3) == 0);
	T_FAILS(EAGAIN, recv(sv[1], buf, N(32), MSG_DONTWAIT));
	close(p[0]), close(p[1]), close(sv[0]), close(sv[1]);
}

static void say(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	T_CHECK(vsnprintf(text, N(256), fmt, ap) > 0);
	va_end(ap);
	va_start(ap, fmt);
	T_CHECK(vdprintf(1, fmt, ap) > 0);
	va_end(ap);
	T_CHECK(fprintf(stdout, "%s", text) > 0 && fputs_unlocked(text, stdout) >= 0);
	fflush_unlocked(stdout);
}

static void rest(void)
{
	char buf[64];
	gid_t groups[512];
	struct timespec ts;

	T_CHECK(getgroups((int)N(512), groups) >= 0 && gethostname(buf, N(64)) == 0);
	T_CHECK(getdomainname(buf, N(64)) == 0 && confstr(_CS_PATH, buf, N(64)) > 0);
	T_CHECK(getentropy(buf, N(64)) == 0 && getrandom(buf, N(64), 0) == 64);
	say("entropy %016lx\n", t_hash(buf, 64));
	errno = 0;
	T_CHECK(ttyname_r(open("/dev/null", O_RDONLY), buf, N(64)) == ENOTTY);
	T_CHECK(clock_gettime(CLOCK_REALTIME, &ts) == 0);
	int status;
	pid_t pid = t_fork();
	if (pid == 0)
		quick_exit(4);
	T_CHECK(wait(&status) == pid && WEXITSTATUS(status) == 4);
	pid = t_fork();
	if (pid == 0)
		_Exit(5);
	t_wait_exit(pid, 5);
	say("pid %d\n", pid);
	FILE *f = tmpfile64();
	T_CHECK(f && fputs("x", f) >= 0 && fclose(f) == 0);
	char name[] = "hXXXXXX", name2[] = "hXXXXXX.c";
	T_CHECK(mkostemp64(name, O_CLOEXEC) >= 0 && mkstemps64(name2, 2) >= 0);
	say("%s %s\n", name, name2);
}

int main(void)
{
	opens();
	reads();
	waits();
	rest();
	return 0;
}
