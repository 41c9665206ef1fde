/*
 * Making and unmaking live sessions, and starting programs in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/guests.h"
#include "tools/installed.h"
#include "tools/record/recover.h"
#include "tools/replay/sandbox.h"
#include "tools/session.h"

enum { CALIBRATE_NS = 2 * 1000 * 1000, LET_IN_MAX = 16 };

static int64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static int64_t realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static uint64_t tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* The kernel itself trusts the TSC as clock: then so may we. */
static bool tsc_is_reliable(void)
{
	char name[64] = "", line[4096];
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource",
			"r");
	bool constant = false;

	if (f) {
		if (!fgets(name, sizeof(name), f))
			name[0] = 0;
		fclose(f);
	}
	f = fopen("/proc/cpuinfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "flags", 5)) {
			constant = strstr(line, "constant_tsc") && strstr(line, "nonstop_tsc");
			break;
		}
	if (f)
		fclose(f);
	return constant && (!strncmp(name, "tsc", 3) || !strncmp(name, "kvm-clock", 9));
}

static int64_t clock_t0;
static uint64_t clock_c0;

void session_clock_begin(void)
{
	clock_t0 = monotonic_ns();
	clock_c0 = tsc();
}

/* The TSC's rate, from what has passed since session_clock_begin; waits for what is missing
 * of CALIBRATE_NS, which makes an error of some 25 millionths. */
static void set_clock(struct session *s)
{
	int64_t t1;
	uint64_t c1;

	s->monotonic_base_ns = clock_t0;
	s->tsc_base = clock_c0;
	if (s->trap_tsc || !tsc_is_reliable()) /* our own reading would trap, too */
		return;
	do
		t1 = monotonic_ns();
	while (t1 - clock_t0 < CALIBRATE_NS);
	c1 = tsc();
	if (c1 <= clock_c0)
		return;
	s->tsc_mult = (uint64_t)(((unsigned __int128)(t1 - clock_t0) << 32) /
				 (c1 - clock_c0));
	s->use_tsc = 1;
}

bool session_can_dispatch(void)
{
	return prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 0 /* off */, 0, 0, 0) == 0;
}

/* The runtime of a recording or replay is in this very process: two cannot share one. */
bool session_is_nested(void)
{
	unsigned char vec;

	if (mincore((void *)DJ_PRIVATE, 1, &vec) < 0 && errno == ENOMEM)
		return false;
	cmd_error("this deja is itself being recorded or replayed; run it outside");
	return true;
}

/* One access control list in the form of the extended attribute (linux/posix_acl_xattr.h): the
 * owner, then the users let in, all with these rights; nobody else. */
static void set_acl(const char *path, const uid_t *uids, size_t count, unsigned rights)
{
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} entry[LET_IN_MAX + 4];
	uint32_t acl[1 + sizeof(entry) / 4] = {2};
	size_t n = 0;

	entry[n].tag = 1, entry[n].perm = (uint16_t)rights, entry[n++].id = ~0u;
	for (size_t i = 0; i < count; i++)
		entry[n].tag = 2, entry[n].perm = (uint16_t)rights, entry[n++].id = uids[i];
	entry[n].tag = 4, entry[n].perm = 0, entry[n++].id = ~0u;
	entry[n].tag = 0x10, entry[n].perm = (uint16_t)rights, entry[n++].id = ~0u;
	entry[n].tag = 0x20, entry[n].perm = 0, entry[n++].id = ~0u;
	memcpy(acl + 1, entry, n * sizeof(entry[0]));
	setxattr(path, "system.posix_acl_access", acl, 4 + n * sizeof(entry[0]), 0);
}

void session_let_in(const struct live_session *s, uid_t uid)
{
	static const struct {
		const char *name;
		unsigned rights;
	} parts[] = {{"", 7}, {SESSION_ARENA_NAME, 6}, {"/out1", 6}, {"/out2", 6}};
	static uid_t uids[LET_IN_MAX];
	static size_t count;
	size_t at = 0;

	while (at < count && uids[at] < uid)
		at++;
	if (count == LET_IN_MAX || (at < count && uids[at] == uid))
		return;
	memmove(uids + at + 1, uids + at, (count - at) * sizeof(uids[0])); /* ascending */
	uids[at] = uid;
	count++;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char path[SESSION_DIR_LEN + 16];

		snprintf(path, sizeof(path), "%s%s", s->dir, parts[i].name);
		set_acl(path, uids, count, parts[i].rights);
	}
}

/* session_pid_lives where no pidfd is to be had: refused by a filter, unknown to the kernel, or no
 * descriptor is left. So it takes none. */
static bool lives_by_proc(pid_t pid)
{
	char path[64], exe;
	struct stat st;

	if (kill(pid, 0) < 0)
		return errno != ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (readlink(path, &exe, sizeof(exe)) >= 0 || errno != ENOENT)
		return true;
	/* its first thread has ended; a link for each thread, which are as many as there are left */
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	return stat(path, &st) == 0 && st.st_nlink > 3;
}

bool session_pid_lives(pid_t pid)
{
	struct pollfd p = {.events = POLLIN};
	bool lives;

	if (pid <= 0)
		return false;
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd < 0) /* the others say that there is no such process, a thread at most */
		return errno != ESRCH && errno != EINVAL && errno != ENOENT && lives_by_proc(pid);
	lives = poll(&p, 1, 0) != 1; /* a pending signal fails it */
	close(p.fd);
	return lives;
}

/* session_is_mapped where leases are not to be had: looks at what its processes wrote, whose pids mean
 * something in their own namespace alone. */
static bool in_use_by_pids(int fd)
{
	struct session *s = mmap(NULL, SESSION_LEN, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
	struct stat st;
	bool used = false;

	if (s == MAP_FAILED)
		return true;
	if (fstat(fd, &st) == 0 && (size_t)st.st_size == SESSION_LEN)
		for (unsigned i = 0; s->version == SESSION_VERSION && i < s->slots_used &&
				     i < SLOT_COUNT; i++) {
			const struct slot *slot = session_slot(s, i);
			int pid = s->mode == SESSION_RECORD ? slot->pid : slot->live_pid;

			if (slot->state != SLOT_FREE &&
			    (session_pid_lives(pid) || guests_live(s, slot, false, NULL, NULL)))
				used = true;
		}
	munmap(s, SESSION_LEN);
	return used;
}

/*
 * A lease for reading is given only while nobody has the file open for writing, and a mapping counts as
 * that until its process has ended or executed another program, whatever pid namespace it is in and
 * whatever it has closed.
 */
bool session_is_mapped(int fd, bool *known)
{
	bool given;

	fcntl(fd, F_SETSIG, SIGURG); /* in place of SIGIO, which would end us, for who opens it right now */
	given = fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
	*known = given || errno == EAGAIN;
	if (given)
		fcntl(fd, F_SETLEASE, F_UNLCK);
	return !given;
}

static bool session_in_use(int fd)
{
	bool known, mapped = session_is_mapped(fd, &known);

	return known ? mapped : in_use_by_pids(fd);
}

enum { ORPHAN_MAX_S = 24 * 3600 };

/* Removes what killed recorders and replays have left: their lock is free. What can be recovered is;
 * what cannot now, as its disk is full, has a day. */
static void sweep_sessions(void)
{
	DIR *d = opendir("/dev/shm");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[PATH_MAX], arena[PATH_MAX + 16];
		unsigned id;
		struct stat st;
		int fd;

		if (strlen(e->d_name) != SESSION_DIR_LEN - strlen("/dev/shm/") ||
		    sscanf(e->d_name, "deja-%8x", &id) != 1)
			continue;
		snprintf(path, sizeof(path), "/dev/shm/%s", e->d_name);
		if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
			continue;
		snprintf(arena, sizeof(arena), "%s" SESSION_ARENA_NAME, path);
		fd = open(arena, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		if (time(NULL) - st.st_mtime > 10 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		    !session_in_use(fd)) {
			flock(fd, LOCK_UN);
			if (recover_orphan(path) || time(NULL) - st.st_mtime > ORPHAN_MAX_S)
				cmd_remove_tree(path);
		}
		close(fd);
	}
	if (d)
		closedir(d);
}

/* The arena is no file of the user's: a soft limit on their sizes does not count. */
static bool set_len(int fd)
{
	struct rlimit limit, raised;
	bool ok;

	getrlimit(RLIMIT_FSIZE, &limit);
	raised = limit;
	raised.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &raised);
	ok = ftruncate(fd, (off_t)SESSION_LEN) == 0;
	setrlimit(RLIMIT_FSIZE, &limit);
	return ok;
}

/* What is in the way of the session, and what to do. */
static void no_room(const char *dir, int error)
{
	switch (error) {
	case ENOSPC:
		cmd_error("%s: no room: deja needs %d KiB of /dev/shm, and as much for each process; "
			  SESSION_SHM_ADVICE,
			  dir, (int)((SESSION_HEAD_LEN + SLOT_STRIDE) >> 10));
		break;
	case EFBIG:
		cmd_error("%s: the limit on file sizes (ulimit -Hf) forbids deja its memory; raise it and "
			  "set it in the command: sh -c 'ulimit -f N; exec CMD'",
			  dir);
		break;
	case ENOMEM:
		cmd_error("%s: the limit on address space (ulimit -v) forbids deja its %d MiB; raise it",
			  dir, (int)(SESSION_LEN >> 20));
		break;
	case EMFILE:
		cmd_error("%s: no file descriptor left (ulimit -Hn); raise the limit", dir);
		break;
	default:
		cmd_error("%s: %s", dir, strerror(error));
	}
}

void session_cannot_hold(const char *what, int error)
{
	char size[32] = "?";
	struct statvfs fs;

	if (error != ENOSPC) {
		cmd_error("%s: %s", what, strerror(error));
		return;
	}
	if (statvfs("/dev/shm", &fs) == 0)
		cmd_size_text((unsigned long long)fs.f_blocks * fs.f_frsize, size, sizeof(size));
	cmd_error("/dev/shm: no room for this replay in its %s; " SESSION_SHM_ADVICE, size);
}

uint64_t session_pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

/* Processes are found in /proc by the numbers that they have here. */
static bool proc_is_ours(void)
{
	char self[32] = "";

	if (readlink("/proc/self", self, sizeof(self) - 1) < 0 || atoi(self) == getpid())
		return true;
	cmd_error("/proc belongs to another pid namespace (this process is %s there, not %d); mount it "
		  "anew, as unshare --mount-proc does",
		  self, (int)getpid());
	return false;
}

bool session_create(struct live_session *s, enum session_mode mode)
{
	char path[PATH_MAX], link[SESSION_DIR_LEN + 16], fresh[SESSION_DIR_LEN + 24];
	struct stat st;
	uint32_t random;
	int fd = -1;

	s->shared = NULL;
	s->no_room = false;
	s->outlet[0] = s->outlet[1] = s->outlet_end[0] = s->outlet_end[1] = s->lock = -1;
	if (session_is_nested() || (mode == SESSION_RECORD && !proc_is_ours()))
		return false;
	sweep_sessions();
	if (!installed_part(mode == SESSION_RECORD ? SESSION_RECORD_OBJECT : SESSION_REPLAY_OBJECT,
			    path, sizeof(path)))
		return false;
	for (int tries = 0; tries < 100; tries++) {
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			break;
		snprintf(s->dir, sizeof(s->dir), SESSION_DIR_FMT, random);
		if (mkdir(s->dir, 0700) == 0)
			goto made;
		if (errno != EEXIST)
			break;
	}
	s->no_room = true;
	cmd_error("%s: %s; deja needs a writable /dev/shm", s->dir, strerror(errno));
	return false;
made:
	snprintf(link, sizeof(link), "%s" SESSION_SO_NAME, s->dir);
	if (symlink(path, link) < 0)
		goto fail;
	snprintf(link, sizeof(link), "%s" SESSION_ARENA_NAME, s->dir);
	/* found by a sweep only when it is locked: the clock that tells its age may be set */
	snprintf(fresh, sizeof(fresh), "%s.new", link);
	fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || rename(fresh, link) < 0 || !set_len(fd))
		goto fail;
	s->shared = mmap(NULL, SESSION_LEN, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (s->shared == MAP_FAILED) {
		s->shared = NULL;
		goto fail;
	}
	/* sparse, and /dev/shm may be small: memory is made sure of before it is used */
	errno = posix_fallocate(fd, 0, (off_t)(SESSION_HEAD_LEN + SLOT_STRIDE));
	if (errno)
		goto fail;
	session_slot(s->shared, 0)->ready = RING_LEN;
	s->lock = fd; /* locked, and held as long as this process lives */
	fd = -1;
	if (mode == SESSION_RECORD && !outlets_open(s))
		goto fail;
	if (mode == SESSION_REPLAY) {
		strcpy(strrchr(path, '/'), "/deja-loader");
		snprintf(link, sizeof(link), "%s" SESSION_LOADER_NAME, s->dir);
		if (symlink(path, link) < 0)
			goto fail;
	}
	if (fstat(s->lock, &st) < 0)
		goto fail;
	s->shared->arena_dev = st.st_dev;
	s->shared->arena_ino = st.st_ino;
	s->shared->version = SESSION_VERSION;
	s->shared->mode = mode;
	s->shared->supervisor_pid = getpid();
	s->shared->pid_namespace = session_pid_namespace();
	s->shared->next_stream = 2;
	s->shared->monotonic_base_ns = clock_t0;
	s->shared->realtime_ns = realtime_ns();
	s->shared->magic = SESSION_MAGIC;
	return true;
fail:
	s->no_room = true;
	no_room(s->dir, errno);
	if (fd >= 0)
		close(fd);
	session_destroy(s);
	return false;
}

void session_close(struct live_session *s, bool keep)
{
	if (s->shared) {
		s->shared->closed = 1;
		munmap(s->shared, SESSION_LEN);
	}
	outlets_close(s);
	if (s->lock >= 0)
		close(s->lock);
	if (!keep)
		cmd_remove_tree(s->dir);
}

void session_destroy(struct live_session *s)
{
	session_close(s, false);
}

struct slot *session_root_slot(struct live_session *s)
{
	struct slot *slot = session_slot(s->shared, 0);

	slot->stream = 1;
	slot->state = SLOT_CLAIMED;
	slot->fd_role[1] = 1;
	slot->fd_role[2] = 2;
	s->shared->slots_used = 1;
	return slot;
}

/* The environment of an image under the runtime (see preload/session.h). Malloc'd in one
 * piece; never freed, the caller execs. */
static char **make_environment(const struct live_session *s, char *const *own)
{
	size_t count = 0, len = 512, name_len = strlen(SESSION_ENV_PRELOAD);
	bool preload = false;
	char **envp, **out, *text;

	for (; own[count]; count++)
		if (!strncmp(own[count], SESSION_ENV_PRELOAD, name_len)) {
			preload = true;
			len += strlen(own[count]) + 64;
		}
	envp = out = calloc(1, (count + 4) * sizeof(char *) + len);
	if (!envp)
		return NULL;
	text = (char *)(envp + count + 4);
	*out++ = text;
	text += sprintf(text, SESSION_ENV_RT "%s:%04d", s->dir, 0) + 1;
	*out++ = text;
	if (preload)
		text += sprintf(text, SESSION_ENV_PAD) + 1;
	else
		text += sprintf(text, SESSION_ENV_PRELOAD "%s" SESSION_SO_NAME, s->dir) + 1;
	for (size_t i = 0; i < count; i++) {
		if (strncmp(own[i], SESSION_ENV_PRELOAD, name_len)) {
			*out++ = own[i];
			continue;
		}
		*out++ = text;
		text += sprintf(text, SESSION_ENV_PRELOAD "%s" SESSION_SO_NAME ":%s", s->dir,
				own[i] + name_len) +
			1;
	}
	*out = NULL;
	return envp;
}

/* systemd names the process that its sockets and its watchdog are for, by a pid that was ours: it
 * is the command's now, that of this process. */
static void become_addressee(char **envp)
{
	static const char *const names[] = {"LISTEN_PID=", "WATCHDOG_PID="};
	static char text[2][32];

	for (; *envp; envp++)
		for (int i = 0; i < 2; i++) {
			size_t len = strlen(names[i]);

			if (strncmp(*envp, names[i], len) || atoi(*envp + len) != getppid())
				continue;
			snprintf(text[i], sizeof(text[i]), "%s%d", names[i], (int)getpid());
			*envp = text[i];
		}
}

/*
 * Without dispatch there is no loader, and a replay's addresses are those that the kernel chooses:
 * they must be the same every time. Container profiles may forbid that (Docker's default does).
 */
static bool can_fix_addresses(void)
{
	int now = personality(0xffffffff);

	if (now == -1 || personality((unsigned long)now | ADDR_NO_RANDOMIZE) == -1) {
		cmd_error("this kernel cannot dispatch system calls (Linux 5.11), and the system "
			  "forbids to turn address randomisation off (personality: %s), without "
			  "which no replay would match then; in a container allow that call, as "
			  "with --security-opt seccomp=unconfined",
			  strerror(errno));
		return false;
	}
	personality((unsigned long)now);
	return true;
}

/* The new process becomes the command; errno of a failing exec goes to report. fixed: without address
 * randomisation. */
static void become_command(struct live_session *s, const struct launch *l, char **envp, bool fixed,
			   int report) __attribute__((noreturn));
static void become_command(struct live_session *s, const struct launch *l, char **envp, bool fixed,
			   int report)
{
	struct rlimit limit;
	ssize_t n;
	int e;

	if (l->xfsz_default)
		signal(SIGXFSZ, SIG_DFL);
	if (fixed)
		personality(ADDR_NO_RANDOMIZE | (personality(0xffffffff) & ~0ul));
	if (l->stack_limit && !getrlimit(RLIMIT_STACK, &limit)) {
		limit.rlim_cur = l->stack_limit;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_STACK, &limit);
	}
	if (l->in_null) {
		int fd = open("/dev/null", O_RDONLY);

		if (fd > 0) {
			dup2(fd, 0);
			close(fd);
		}
	}
	for (int i = 0; i < 2; i++)
		if (l->out_fd[i] > 2)
			dup2(l->out_fd[i], i + 1);
	if (l->cwd && chdir(l->cwd) < 0)
		_exit(CMD_FAILED);
	if (l->sandbox && !sandbox_enter(l->sandbox))
		_exit(CMD_FAILED);
	if (l->files)
		setrlimit(RLIMIT_NOFILE, l->files);
	if (s->shared->mode == SESSION_RECORD)
		become_addressee(envp);
	for (int i = 0; l->timers && i < 3; i++)
		setitimer(i, &l->timers[i], NULL);
	if (l->mask)
		sigprocmask(SIG_SETMASK, l->mask, NULL);
	execve(l->path, l->argv, envp);
	e = errno;
	n = write(report, &e, sizeof(e));
	(void)n;
	_exit(CMD_FAILED);
}

pid_t session_launch(struct live_session *s, const struct launch *l, int *exec_errno)
{
	char **envp = make_environment(s, l->envp);
	int report[2];
	/* A program that is recorded keeps its address randomisation, which protects it. The loader
	 * of a replay chooses the addresses by itself. */
	bool fixed = s->shared->mode != SESSION_RECORD || s->shared->no_dispatch;
	pid_t pid;

	*exec_errno = 0;
	if (s->shared->no_dispatch && !can_fix_addresses())
		return -1;
	if (s->shared->mode == SESSION_RECORD)
		set_clock(s->shared);
	if (!envp || pipe2(report, O_CLOEXEC) < 0) {
		cmd_error("%s", strerror(errno));
		return -1;
	}
	pid = fork();
	if (pid < 0) {
		cmd_error("cannot fork: %s", strerror(errno));
		return -1;
	}
	if (pid == 0)
		become_command(s, l, envp, fixed, report[1]);
	close(report[1]);
	if (l->sandbox && !sandbox_watch(l->sandbox, pid)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(report[0]);
		return -1;
	}
	if (read(report[0], exec_errno, sizeof(*exec_errno)) != sizeof(*exec_errno))
		*exec_errno = 0;
	close(report[0]);
	free(envp);
	if (*exec_errno) {
		waitpid(pid, NULL, 0);
		return -1;
	}
	return pid;
}

void session_wait(struct live_session *s, uint32_t seen, int timeout_ms)
{
	struct timespec ts = {timeout_ms / 1000, timeout_ms % 1000 * 1000000l};

	__atomic_store_n(&s->shared->supervisor_sleeps, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &s->shared->doorbell, FUTEX_WAIT, seen, &ts, NULL, 0);
	__atomic_store_n(&s->shared->supervisor_sleeps, 0, __ATOMIC_SEQ_CST);
}

void session_wake(uint32_t *futex)
{
	syscall(SYS_futex, futex, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void session_end_as(int status)
{
	if (WIFSIGNALED(status)) {
		struct rlimit none = {0, 0};
		sigset_t mask;
		int signo = WTERMSIG(status);

		setrlimit(RLIMIT_CORE, &none);
		fflush(NULL);
		signal(signo, SIG_DFL);
		sigemptyset(&mask);
		sigaddset(&mask, signo);
		sigprocmask(SIG_UNBLOCK, &mask, NULL);
		raise(signo);
		exit(128 + signo);
	}
	exit(WEXITSTATUS(status));
}
