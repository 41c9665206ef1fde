/*
 * See sandbox.h. Three layers: no_new_privs; Landlock (files by name, TCP, signals and
 * tracing across its border); seccomp (a list of system calls). What seccomp cannot decide, it
 * asks the supervisor: making processes and threads, which are counted, and, where
 * Landlock does not confine them, signals and reading another's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "preload/session.h"
#include "tools/cmd.h"
#include "tools/descendants.h"
#include "tools/replay/sandbox.h"
#include "tracefmt/calls.h"

/* linux/landlock.h of distributions lags behind their kernels. */
#define FS_EXECUTE     (1ull << 0)
#define FS_WRITE_FILE  (1ull << 1)
#define FS_READ_FILE   (1ull << 2)
#define FS_READ_DIR    (1ull << 3)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR    (1ull << 7)
#define FS_MAKE_REG    (1ull << 8)
#define FS_MAKE_SYM    (1ull << 12)
#define FS_TRUNCATE    (1ull << 14)
enum {
	ABI_NET = 4,
	ABI_SCOPE = 6,
	CREATE_VERSION = 1,
	RULE_PATH_BENEATH = 1,
	COUNT_EVERY = 64, /* tasks made between two looks at how many live */
};

struct ruleset_attr {
	uint64_t fs, net, scoped;
};
struct path_attr {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

/* --- Landlock --- */

/* The rights to files that an ABI knows. */
static uint64_t fs_rights(unsigned abi)
{
	unsigned bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;

	return (1ull << bits) - 1;
}

static bool allow_path(const struct sandbox *s, const char *path, uint64_t rights)
{
	struct path_attr attr = {.allowed = rights & fs_rights(s->landlock)};
	long r;

	attr.fd = open(path, O_PATH | O_CLOEXEC);
	if (attr.fd < 0) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	r = syscall(SYS_landlock_add_rule, s->ruleset, RULE_PATH_BENEATH, &attr, 0);
	if (r)
		cmd_error("cannot confine the replay: Landlock: %s: %s", path, strerror(errno));
	close(attr.fd);
	return !r;
}

static bool make_ruleset(struct sandbox *s, const char *session_dir, const char *recording,
			 const char *lib_dir, bool files_anywhere)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	struct ruleset_attr attr = {0};
	char path[PATH_MAX];
	size_t len = sizeof(attr.fs);

	if (abi < 1)
		return true;
	s->landlock = (unsigned)abi;
	attr.fs = fs_rights(s->landlock);
	if (abi >= ABI_NET)
		attr.net = 3, len = offsetof(struct ruleset_attr, scoped);
	if (abi >= ABI_SCOPE)
		attr.scoped = 3, len = sizeof(attr);
	s->ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, len, 0);
	if (s->ruleset < 0) {
		cmd_error("cannot confine the replay: Landlock: %s", strerror(errno));
		return false;
	}
	if (!allow_path(s, session_dir,
			FS_READ_FILE | FS_WRITE_FILE | FS_READ_DIR | FS_REMOVE_FILE | FS_MAKE_REG |
				FS_MAKE_DIR | FS_MAKE_SYM | FS_TRUNCATE))
		return false;
	snprintf(path, sizeof(path), "%s/f", recording);
	if (access(path, F_OK) == 0 && !allow_path(s, path, FS_READ_FILE))
		return false;
	snprintf(path, sizeof(path), "%s/" SESSION_REPLAY_OBJECT, lib_dir);
	if (!allow_path(s, path, FS_READ_FILE))
		return false;
	snprintf(path, sizeof(path), "%s/deja-loader", lib_dir);
	if (!allow_path(s, path, FS_READ_FILE | FS_EXECUTE))
		return false;
	return !files_anywhere || allow_path(s, "/", FS_READ_FILE | FS_READ_DIR | FS_EXECUTE);
}

/* --- seccomp --- */

/* What the runtime and the loader call, with any arguments. */
static const int plain_calls[] = {
    SYS_read, SYS_write, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_close, SYS_fstat,
    SYS_stat, SYS_newfstatat, SYS_lseek, SYS_mmap, SYS_mprotect, SYS_munmap, SYS_mremap,
    SYS_madvise, SYS_mincore, SYS_msync, SYS_brk, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_sigaltstack, SYS_sched_yield, SYS_nanosleep, SYS_clock_nanosleep,
    SYS_clock_gettime, SYS_gettimeofday, SYS_time, SYS_getpid, SYS_gettid, SYS_getppid,
    SYS_geteuid, SYS_execve, SYS_exit, SYS_exit_group, SYS_futex, SYS_set_tid_address,
    SYS_set_robust_list, SYS_get_robust_list, SYS_rseq, SYS_arch_prctl, SYS_getrlimit,
    SYS_setrlimit, SYS_poll, SYS_ppoll, SYS_sendfile, SYS_ftruncate, SYS_fallocate,
    SYS_unlink, SYS_mkdir, SYS_chdir, SYS_symlink, SYS_renameat2, SYS_open, SYS_openat,
    SYS_readlink, SYS_getcwd, SYS_uname, SYS_fcntl, SYS_dup2, SYS_wait4, SYS_restart_syscall,
};

/* A thread of one's own may be signalled and read; the first argument is a process. */
static const int process_calls[] = {
    SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
    SYS_process_vm_readv, SYS_process_vm_writev,
};

static const unsigned long prctl_options[] = {
    PR_SET_NAME, PR_SET_MM, PR_SET_TSC, PR_GET_TSC, 40 /* PR_GET_TID_ADDRESS */,
    59 /* PR_SET_SYSCALL_USER_DISPATCH */, PR_SET_NO_NEW_PRIVS,
};

#define COUNT(a) (sizeof(a) / sizeof(a[0]))
#define NEW_NAMESPACES                                                                   \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |    \
	 CLONE_NEWPID | CLONE_NEWNET)

static bool make_filter(struct sandbox *s)
{
	scmp_filter_ctx f = s->filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	uint32_t border = s->landlock >= ABI_SCOPE ? SCMP_ACT_ALLOW : SCMP_ACT_NOTIFY;
	int r = f ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < COUNT(plain_calls); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, plain_calls[i], 0);
	for (size_t i = 0; !r && i < COUNT(process_calls); i++)
		r = seccomp_rule_add(f, border, process_calls[i], 0);
	for (size_t i = 0; !r && i < COUNT(prctl_options); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SYS_prctl, 1,
				     SCMP_A0(SCMP_CMP_EQ, prctl_options[i]));
	/* what a replay performs of the program's own calls */
	for (long nr = 0; !r && nr < TF_CALL_MAX; nr++) {
		const struct tf_call *call = tf_call_by_nr(nr);

		if (!call || call->cls != TF_LOCAL || nr == SYS_prctl)
			continue;
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, (int)nr, 0);
		if (r == -EACCES || r == -EEXIST)
			r = 0;
	}
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SYS_prlimit64, 1,
				     SCMP_A0(SCMP_CMP_EQ, 0));
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_NOTIFY, SYS_clone, 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, NEW_NAMESPACES, 0));
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_NOTIFY, SYS_fork, 0);
	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_NOTIFY, SYS_vfork, 0);
	if (r)
		cmd_error("cannot confine the replay: seccomp: %s", strerror(-r));
	return !r;
}

/* --- what seccomp asks --- */

static bool may_make_task(struct sandbox *s)
{
	if (s->stop)
		return false;
	if (++s->made < COUNT_EVERY)
		return true;
	s->made = 0;
	return descendants_count(s->task_max) < s->task_max;
}

static void answer(struct sandbox *s, struct seccomp_notif *req, struct seccomp_notif_resp *resp)
{
	bool allowed;

	memset(req, 0, sizeof(*req));
	if (seccomp_notify_receive(s->notify, req))
		return;
	memset(resp, 0, sizeof(*resp));
	resp->id = req->id;
	if (req->data.nr == SYS_clone || req->data.nr == SYS_fork || req->data.nr == SYS_vfork) {
		allowed = may_make_task(s);
		resp->error = allowed ? 0 : -EAGAIN;
	} else { /* its arguments are in registers: nobody changes them meanwhile */
		pid_t pid = (pid_t)req->data.args[0];

		allowed = pid > 0 && descendants_has(pid);
		if ((int)req->data.args[1] == 0 && req->data.nr == SYS_kill)
			allowed = true; /* asks only */
		resp->error = allowed ? 0 : -EPERM;
	}
	resp->flags = allowed ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
	seccomp_notify_respond(s->notify, resp);
}

static void *answer_all(void *arg)
{
	struct sandbox *s = arg;
	struct seccomp_notif *req;
	struct seccomp_notif_resp *resp;

	if (seccomp_notify_alloc(&req, &resp))
		return NULL;
	for (;;) {
		struct pollfd p = {.fd = s->notify, .events = POLLIN};

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			break;
		if (p.revents & POLLIN)
			answer(s, req, resp);
		else if (p.revents)
			break; /* nobody is left in it */
	}
	seccomp_notify_free(req, resp);
	return NULL;
}

/* --- life --- */

bool sandbox_open(struct sandbox *s, const char *session_dir, const char *recording,
		  const char *lib_dir, bool files_anywhere, uint64_t task_max)
{
	*s = (struct sandbox){.ruleset = -1, .notify = -1, .task_max = task_max};
	s->told[0] = s->told[1] = s->answer[0] = s->answer[1] = -1;
	if (pipe2(s->told, O_CLOEXEC) < 0 || pipe2(s->answer, O_CLOEXEC) < 0) {
		cmd_error("%s", strerror(errno));
		return false;
	}
	return make_ruleset(s, session_dir, recording, lib_dir, files_anywhere) &&
	       make_filter(s);
}

bool sandbox_enter(struct sandbox *s)
{
	struct rlimit none = {0, 0};
	char byte;
	int fd;

	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return false;
	if (s->ruleset >= 0 && syscall(SYS_landlock_restrict_self, s->ruleset, 0))
		return false;
	if (seccomp_load(s->filter))
		return false;
	fd = seccomp_notify_fd(s->filter);
	close(s->answer[1]);
	return write(s->told[1], &fd, sizeof(fd)) == sizeof(fd) && read(s->answer[0], &byte, 1) == 1;
}

bool sandbox_watch(struct sandbox *s, pid_t pid)
{
	int number, pidfd;
	sigset_t all, old;
	bool ok = false;

	close(s->told[1]);
	s->told[1] = -1;
	if (read(s->told[0], &number, sizeof(number)) != sizeof(number)) {
		cmd_error("cannot confine the replay: this system refuses seccomp or Landlock; "
			  "--no-sandbox does without, for recordings that you trust");
		return false;
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd >= 0)
		s->notify = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (s->notify >= 0) {
		sigfillset(&all); /* signals are the main thread's */
		pthread_sigmask(SIG_SETMASK, &all, &old);
		s->running = pthread_create(&s->thread, NULL, answer_all, s) == 0;
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	ok = s->running && write(s->answer[1], "", 1) == 1;
	if (!ok)
		cmd_error("cannot confine the replay: its questions cannot be taken over: %s",
			  strerror(errno));
	if (pidfd >= 0)
		close(pidfd);
	return ok;
}

void sandbox_freeze(struct sandbox *s)
{
	s->stop = true;
}

void sandbox_close(struct sandbox *s)
{
	s->stop = true;
	if (s->running) /* its descriptor hangs up with the last process */
		pthread_join(s->thread, NULL);
	if (s->filter)
		seccomp_release(s->filter);
	for (int i = 0; i < 2; i++) {
		if (s->told[i] >= 0)
			close(s->told[i]);
		if (s->answer[i] >= 0)
			close(s->answer[i]);
	}
	if (s->ruleset >= 0)
		close(s->ruleset);
	if (s->notify >= 0)
		close(s->notify);
	*s = (struct sandbox){.ruleset = -1, .notify = -1};
}

const char *sandbox_layers(const struct sandbox *s, char *buf, size_t len)
{
	int n = snprintf(buf, len, "no_new_privs, seccomp, at most %llu processes and threads",
			 (unsigned long long)s->task_max);

	if (!s->landlock)
		snprintf(buf + n, len - (size_t)n, ", no Landlock: FILES ARE NOT CONFINED");
	else
		snprintf(buf + n, len - (size_t)n, ", Landlock %u (files%s%s)", s->landlock,
			 s->landlock >= ABI_NET ? ", network" : "",
			 s->landlock >= ABI_SCOPE ? ", signals" : "");
	return buf;
}
