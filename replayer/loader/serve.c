/*
 * The system calls of the dynamic linker, each answered as it was answered then. It makes
 * few; one that is not known here ends the replay before it began.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "replayer/loader/loader.h"

enum { OPEN_MAX = 64, ARCH_SET_FS = 0x1002, PR_SUD = 59 };

/* What is open: descriptor + 1 and stored file. */
static struct {
	int fd_plus_1;
	uint32_t file;
} opened[OPEN_MAX];

static long serve_open(const char *path, int flags)
{
	uint32_t id;
	long fd;

	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	fd = file_find(path, &id);
	for (int i = 0; fd >= 0 && i < OPEN_MAX; i++)
		if (!opened[i].fd_plus_1) {
			opened[i].fd_plus_1 = (int)fd + 1;
			opened[i].file = id;
			return fd;
		}
	return fd;
}

static long file_of(int fd)
{
	for (int i = 0; i < OPEN_MAX; i++)
		if (opened[i].fd_plus_1 == fd + 1)
			return opened[i].file;
	return -1;
}

static long serve_close(int fd)
{
	for (int i = 0; i < OPEN_MAX; i++)
		if (opened[i].fd_plus_1 == fd + 1) {
			opened[i].fd_plus_1 = 0;
			return dj_raw(SYS_close, fd);
		}
	return -EBADF;
}

static long serve_fstat(int fd, struct stat *st)
{
	long file = file_of(fd), r = dj_raw(SYS_fstat, fd, st);

	if (r || file < 0)
		return file < 0 ? -EBADF : r;
	return file_status((uint32_t)file, st) ? 0 : -EIO;
}

static long serve_stat(const char *path, struct stat *st)
{
	uint32_t id;
	long fd, r;

	if (file_is_directory(path)) {
		dj_zero(st, sizeof(*st));
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 1;
		return 0;
	}
	fd = file_find(path, &id);
	if (fd < 0)
		return fd;
	r = dj_raw(SYS_fstat, fd, st);
	dj_raw(SYS_close, fd);
	if (!r && !file_status(id, st))
		r = -EIO;
	return r;
}

/* Where this object lay: the lowest mapping of its first bytes that is not taken yet. */
static uint64_t object_place(long file)
{
	static const char runtime[] = "/" SESSION_RECORD_OBJECT;
	const size_t len = sizeof(runtime) - 1;
	struct recorded_map m;
	uint64_t at = 0;

	EACH_RECORDED_MAP(m) {
		bool is_runtime = false;

		for (uint32_t i = 0; !file && i + len <= m.path_len; i++)
			is_runtime |= !dj_compare(m.path + i, runtime, len);
		if (!at && !m.offset && (file ? m.file == (uint32_t)file : is_runtime) &&
		    space_is_free(m.from, m.to))
			at = m.from;
	}
	return at;
}

/*
 * Where the kernel put memory is worked out from what lies where; what was there when the program
 * began tells better, where the two are at odds. They are when the dynamic linker read a shorter
 * cache of libraries than the one that is stored: ldconfig replaced it before we were there.
 */
static uint64_t memory_place(uint64_t len, int prot)
{
	uint64_t at = space_place(len), better = 0, in;
	struct recorded_map m;

	EACH_RECORDED_MAP(m) {
		if (m.file || m.path_len || (int)m.prot != prot ||
		    (m.from >= DJ_PRIVATE && m.from < DJ_END))
			continue;
		if (at >= m.from && at + len <= m.to)
			return at;
		if ((in = space_place_in(m.from, m.to, len)) > better)
			better = in;
	}
	return better ? better : at;
}

static bool begins_at(uint64_t at)
{
	struct recorded_map m;
	bool found = false;

	EACH_RECORDED_MAP(m)
		found |= m.from == at;
	return found;
}

/* A file that is unmapped before the program begins, as that cache: not where a library belongs,
 * whose pages would go with it, nor where memory has a hole above it, in which then lay a shorter file. */
static uint64_t passing_place(uint64_t len)
{
	uint64_t at = space_place(len);
	struct recorded_map m;
	bool sure = true, moved;

	do {
		moved = false;
		EACH_RECORDED_MAP(m) {
			if (at >= m.to || at + len <= m.from ||
			    (sure && !m.file && (m.to >= at + len || begins_at(m.to))))
				continue;
			if (m.from < 2 * len)
				return 0;
			at = m.from - len;
			moved = true;
		}
		sure &= !moved;
	} while (moved);
	return at;
}

static long serve_mmap(const unsigned long a[6])
{
	uint64_t at = a[0], len = (a[1] + PAGE - 1) & ~(PAGE - 1ul);
	bool anonymous = a[3] & MAP_ANONYMOUS;
	long file = anonymous ? -1 : file_of((int)a[4]), r;
	const char *name = "";
	size_t name_len = 0;
	struct recorded_map m;

	if (!anonymous && file < 0)
		return -EBADF;
	if (!(a[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		at = !anonymous && !a[5] ? object_place(file) : 0;
		if (!at)
			at = anonymous ? memory_place(len, (int)a[2]) : passing_place(len);
	}
	if (!at || at + len < at || at + len > 0x7ffffffff000 ||
	    (at + len > DJ_PRIVATE && at < DJ_END))
		return -ENOMEM;
	r = file_map(at, a[1], (int)a[2], (int)(a[3] | MAP_FIXED), (int)a[4], a[5]);
	if (r != (long)at)
		return r;
	if (file > 0) {
		EACH_RECORDED_MAP(m)
			if (m.file == (uint32_t)file)
				name = m.path, name_len = m.path_len;
	} else if (!file) {
		name = "/" SESSION_REPLAY_OBJECT, name_len = sizeof(SESSION_REPLAY_OBJECT);
	}
	space_set(at, at + len, (int)a[2], name, name_len);
	return r;
}

static long put_link(const void *text, uint32_t len, char *to, size_t room)
{
	if (len > room)
		len = (uint32_t)room;
	dj_copy(to, text, len);
	return len;
}

static long serve_readlink(const char *path, char *to, size_t room)
{
	if (dj_compare(path, "/proc/self/exe", 15))
		return -ENOENT;
	return put_link(ld.img.exe, ld.img.exe_len, to, room);
}

static long serve_limit(const unsigned long a[6])
{
	struct rlimit *was = (struct rlimit *)a[3];

	if (a[2] || !was)
		return -EPERM;
	if (a[1] != RLIMIT_STACK)
		return dj_raw(SYS_prlimit64, 0, a[1], 0, was);
	was->rlim_cur = ld.img.stack_limit;
	was->rlim_max = RLIM_INFINITY;
	return 0;
}

static void fail_call(long nr)
{
	char number[24], *end = dj_put_dec(number, nr);

	loader_fail("the recorded dynamic linker makes a system call that deja does not "
		    "know of it: number ",
		    number, (size_t)(end - number));
}

static long serve(long nr, const unsigned long a[6])
{
	long r;

	switch (nr) {
	case SYS_openat:
		return serve_open((const char *)a[1], (int)a[2]);
	case SYS_open:
		return serve_open((const char *)a[0], (int)a[1]);
	case SYS_read:
	case SYS_pread64:
	case SYS_lseek:
		return file_of((int)a[0]) < 0 ? -EBADF
					      : dj_raw(nr, a[0], a[1], a[2], a[3]);
	case SYS_close:
		return serve_close((int)a[0]);
	case SYS_fstat:
		return serve_fstat((int)a[0], (struct stat *)a[1]);
	case SYS_newfstatat:
		if (!*(const char *)a[1])
			return serve_fstat((int)a[0], (struct stat *)a[2]);
		return serve_stat((const char *)a[1], (struct stat *)a[2]);
	case SYS_stat:
		return serve_stat((const char *)a[0], (struct stat *)a[1]);
	case SYS_access: {
		struct stat st;

		return serve_stat((const char *)a[0], &st);
	}
	case SYS_faccessat:
	case 439: { /* faccessat2 */
		struct stat st;

		return serve_stat((const char *)a[1], &st);
	}
	case SYS_mmap:
		return serve_mmap(a);
	case SYS_munmap:
		r = dj_raw(SYS_munmap, a[0], a[1]);
		if (!r)
			space_clear(a[0], (a[0] + a[1] + PAGE - 1) & ~(PAGE - 1ul));
		return r;
	case SYS_mprotect:
		r = dj_raw(SYS_mprotect, a[0], a[1], a[2]);
		if (!r)
			space_set(a[0], (a[0] + a[1] + PAGE - 1) & ~(PAGE - 1ul), (int)a[2],
				  NULL, 0);
		return r;
	case SYS_madvise:
		return 0;
	case SYS_brk:
		return (long)ld.img.brk;
	case SYS_arch_prctl:
		return a[0] == ARCH_SET_FS ? dj_raw(SYS_arch_prctl, a[0], a[1]) : -EINVAL;
	case SYS_set_tid_address:
		dj_raw(SYS_set_tid_address, a[0]);
		return ld.img.tid;
	case SYS_set_robust_list:
		return dj_raw(SYS_set_robust_list, a[0], a[1]);
	case SYS_rseq: /* the runtime takes it back at once */
		return 0;
	case SYS_prlimit64:
		return serve_limit(a);
	case SYS_getrlimit:
		return serve_limit((const unsigned long[6]){0, a[0], 0, a[1]});
	case SYS_readlink:
		return serve_readlink((const char *)a[0], (char *)a[1], a[2]);
	case SYS_readlinkat:
		return serve_readlink((const char *)a[1], (char *)a[2], a[3]);
	case SYS_getcwd:
		if (ld.img.cwd_len + 1 > a[1])
			return -ERANGE;
		put_link(ld.img.cwd, ld.img.cwd_len, (char *)a[0], a[1]);
		((char *)a[0])[ld.img.cwd_len] = 0;
		return ld.img.cwd_len + 1;
	case SYS_uname:
		return dj_raw(SYS_uname, a[0]);
	case SYS_getpid:
		return ld.img.pid;
	case SYS_gettid:
		return ld.img.tid;
	case SYS_write:
	case SYS_writev:
		if (a[0] != 1 && a[0] != 2)
			return -EBADF;
		return ld.session->quiet ? -EBADF : dj_raw(nr, a[0], a[1], a[2]);
	case SYS_exit:
	case SYS_exit_group:
		loader_fail("the recorded dynamic linker did not find its libraries", "", 0);
	}
	fail_call(nr);
	return -ENOSYS;
}

/* SIGSYS. The runtime's constructor turns the dispatch off: then it is on its own. */
void serve_trap(int signo, struct k_siginfo *info, struct k_ucontext *uc)
{
	const unsigned long a[6] = {uc->mc.rdi, uc->mc.rsi, uc->mc.rdx,
				    uc->mc.r10, uc->mc.r8,  uc->mc.r9};

	if (uc->mc.rax == SYS_prctl && a[0] == PR_SUD) {
		space_hand_over();
		uc->mc.rax = (uint64_t)dj_raw(SYS_prctl, PR_SUD, 0, 0, 0, 0);
		return;
	}
	uc->mc.rax = (uint64_t)serve((long)uc->mc.rax, a);
}
