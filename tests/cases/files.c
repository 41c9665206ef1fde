/*
 * Files: open, read, write, seek, truncate, rename, unlink and stat in all their forms.
 * Shows that positions, lengths, times and inode numbers come from the recording.
 */
#include "victim.h"
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static void show(const char *what, const struct stat *st)
{
	printf("%s: ino %lu dev %lx size %ld mode %o links %lu mtime %ld.%09ld\n", what,
	       (unsigned long)st->st_ino, (unsigned long)st->st_dev, (long)st->st_size,
	       st->st_mode, (unsigned long)st->st_nlink, (long)st->st_mtim.tv_sec,
	       st->st_mtim.tv_nsec);
}

static void positions(void)
{
	char buf[64] = {0};
	int fd = open("a", O_CREAT | O_EXCL | O_RDWR, 0640);

	T_CHECK(fd >= 0);
	T_CHECK(dprintf(fd, "%020ld\n", (long)t_seed()) > 20);
	T_CHECK(lseek(fd, 0, SEEK_SET) == 0);
	ssize_t n = read(fd, buf, sizeof(buf));
	T_CHECK(n > 20 && lseek(fd, 0, SEEK_CUR) == n && lseek(fd, -2, SEEK_END) == n - 2);
	printf("content %s", buf);
	T_CHECK(read(fd, buf, sizeof(buf)) == 2 && read(fd, buf, sizeof(buf)) == 0);
	T_CHECK(pwrite(fd, "HOLE", 4, 1 << 20) == 4 && lseek(fd, 0, SEEK_CUR) == n);
	T_CHECK(pread(fd, buf, 8, (1 << 20) - 4) == 8 && memcmp(buf, "\0\0\0\0HOLE", 8) == 0);
	T_CHECK(pread(fd, buf, 8, 1 << 22) == 0);
	printf("hole at %ld, data at %ld\n", (long)lseek(fd, 0, SEEK_HOLE),
	       (long)lseek(fd, 1 << 18, SEEK_DATA));
	T_FAILS(EINVAL, lseek(fd, -1, SEEK_SET));
	T_CHECK(ftruncate(fd, 100) == 0 && lseek(fd, 0, SEEK_END) == 100);
	T_CHECK(truncate("a", 50) == 0 && lseek(fd, 0, SEEK_END) == 50);
	T_CHECK(posix_fallocate(fd, 0, 8192) == 0 && posix_fadvise(fd, 0, 0, 1) == 0);
	T_CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && sync_file_range(fd, 0, 10, 2) == 0);
	T_CHECK(flock(fd, LOCK_EX) == 0 && flock(fd, LOCK_UN) == 0);
	T_CHECK(close(fd) == 0);
	T_FAILS(EBADF, close(fd));

	int ap = open("log", O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
	T_CHECK(write(ap, "one\n", 4) == 4 && lseek(ap, 0, SEEK_SET) == 0);
	T_CHECK(write(ap, "two\n", 4) == 4 && lseek(ap, 0, SEEK_CUR) == 8 && close(ap) == 0);
	int cr = creat("created", 0600);
	T_CHECK(cr >= 0);
	T_FAILS(EBADF, read(cr, buf, 1));
	T_CHECK(close(cr) == 0);
}

static void stats(void)
{
	struct stat st, st2;
	struct statx sx;
	struct statfs sf;
	struct statvfs sv;
	int fd = open("a", O_RDONLY), dir = open(".", O_RDONLY | O_DIRECTORY);

	T_CHECK(stat("a", &st) == 0);
	show("stat", &st);
	T_CHECK(fstat(fd, &st2) == 0 && st2.st_ino == st.st_ino);
	T_CHECK(fstatat(dir, "a", &st2, 0) == 0 && st2.st_ino == st.st_ino);
	T_CHECK(syscall(SYS_stat, "a", &st2) == 0 && st2.st_ino == st.st_ino);
	T_CHECK(statx(dir, "a", 0, STATX_BASIC_STATS | STATX_BTIME, &sx) == 0);
	T_CHECK(sx.stx_ino == st.st_ino && sx.stx_size == (uint64_t)st.st_size);
	printf("statx btime %lld.%09u ctime %lld.%09u\n", (long long)sx.stx_btime.tv_sec,
	       sx.stx_btime.tv_nsec, (long long)sx.stx_ctime.tv_sec, sx.stx_ctime.tv_nsec);
	T_CHECK(symlink("a", "link") == 0 && lstat("link", &st2) == 0 && S_ISLNK(st2.st_mode));
	show("lstat", &st2);
	T_CHECK(stat("/dev/null", &st2) == 0 && S_ISCHR(st2.st_mode));
	T_CHECK(major(st2.st_rdev) == 1 && minor(st2.st_rdev) == 3);
	T_FAILS(ENOENT, stat("nothing", &st2));
	T_FAILS(ENOTDIR, stat("a/b", &st2));
	T_CHECK(statfs(".", &sf) == 0 && fstatfs(fd, &sf) == 0 && statvfs(".", &sv) == 0);
	printf("fs type %lx free %lu %lu\n", (long)sf.f_type, (unsigned long)sf.f_bfree,
	       (unsigned long)sv.f_bavail);
	T_CHECK(access("a", R_OK) == 0 && faccessat(dir, "a", W_OK, AT_EACCESS) == 0);
	T_FAILS(ENOENT, access("nothing", F_OK));
	T_CHECK(close(dir) == 0 && close(fd) == 0);
}

static void names(void)
{
	char buf[256];
	struct stat st, st2;
	struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {1000000000, 123456789}};

	T_CHECK(link("a", "hard") == 0 && stat("hard", &st) == 0 && st.st_nlink == 2);
	T_FAILS(EEXIST, link("a", "hard"));
	T_CHECK(readlink("link", buf, sizeof(buf)) == 1 && buf[0] == 'a');
	memset(buf, 'x', sizeof(buf));
	T_CHECK(symlink("a-long-target", "link2") == 0 && readlink("link2", buf, 3) == 3);
	T_CHECK(memcmp(buf, "a-lxxx", 6) == 0);
	T_CHECK(rename("a", "b") == 0 && renameat(AT_FDCWD, "b", AT_FDCWD, "c") == 0);
	T_FAILS(EEXIST, renameat2(AT_FDCWD, "c", AT_FDCWD, "log", RENAME_NOREPLACE));
	T_FAILS(ENOENT, rename("nothing", "d"));
	T_FAILS(ENOENT, open("link", O_RDONLY));
	T_FAILS(ELOOP, open("link", O_RDONLY | O_NOFOLLOW));
	T_CHECK(chmod("c", 0400) == 0 && fchmodat(AT_FDCWD, "c", 0600, 0) == 0);
	T_CHECK(chown("c", getuid(), getgid()) == 0);
	T_CHECK(utimensat(AT_FDCWD, "c", ts, 0) == 0 && stat("c", &st2) == 0);
	T_CHECK(st2.st_mtim.tv_sec == 1000000000 && st2.st_mtim.tv_nsec == 123456789);
	show("after", &st2);
	T_CHECK(realpath("c", buf) && buf[0] == '/');
	printf("realpath %s\n", buf);
	T_CHECK(unlink("hard") == 0 && unlinkat(AT_FDCWD, "link", 0) == 0 && remove("link2") == 0);
	T_FAILS(EISDIR, unlink("."));
	T_CHECK(mkdir("d", 0700) == 0 && mkdirat(AT_FDCWD, "d/e", 0700) == 0);
	T_FAILS(ENOTEMPTY, rmdir("d"));
	T_CHECK(rmdir("d/e") == 0 && unlinkat(AT_FDCWD, "d", AT_REMOVEDIR) == 0);
}

static void copies(void)
{
	char name[] = "tmp-XXXXXX", buf[8] = {0};
	int from = open("log", O_RDONLY), to = mkstemp(name);
	off_t at = 4;

	T_CHECK(from >= 0 && to >= 0);
	printf("mkstemp %s\n", name);
	T_CHECK(sendfile(to, from, &at, 100) == 4 && at == 8 && lseek(from, 0, SEEK_CUR) == 0);
	T_CHECK(copy_file_range(from, NULL, to, NULL, 4, 0) == 4);
	T_CHECK(pread(to, buf, 8, 0) == 8 && memcmp(buf, "two\none\n", 8) == 0);
	int un = open(".", O_TMPFILE | O_RDWR, 0600);
	if (un >= 0) {
		struct stat st;

		T_CHECK(fstat(un, &st) == 0 && st.st_nlink == 0);
		show("tmpfile", &st);
		close(un);
	}
	T_CHECK(unlink(name) == 0 && close(to) == 0 && close(from) == 0);
	FILE *f = fopen("log", "r+");
	T_CHECK(f && fgets(buf, sizeof(buf), f) && strcmp(buf, "one\n") == 0);
	T_CHECK(fseek(f, 0, SEEK_END) == 0 && fprintf(f, "%d\n", getpid()) > 1);
	T_CHECK(ftell(f) > 8 && fclose(f) == 0);
}

/* Without room for the handle the call fails, and has told how much it takes and which mount it is. */
static void handles(void)
{
	struct file_handle none = {0};
	int mount_id = -7;

	if (name_to_handle_at(AT_FDCWD, ".", &none, &mount_id, 0) == -1 && errno == EOVERFLOW)
		printf("a handle of %u on mount %d\n", none.handle_bytes, mount_id);
	mount_id = -7;
	T_CHECK(name_to_handle_at(AT_FDCWD, "nowhere", &none, &mount_id, 0) == -1 && errno == ENOENT);
	T_CHECK(mount_id == -7);
}

int main(void)
{
	positions();
	stats();
	names();
	copies();
	handles();
	return 0;
}
