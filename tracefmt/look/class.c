/*
 * The classes of events, and which arguments of a call are paths. Static data, filled once
 * from the call table's rows.
 */
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>

#include "tracefmt/look/look.h"
#include "tracefmt/wire.h"

enum {
	N = DEJA_CLASS_NET,
	F = DEJA_CLASS_FILE,
	D = DEJA_CLASS_DESC,
	T = DEJA_CLASS_TIME,
	P = DEJA_CLASS_PROCESS,
	S = DEJA_CLASS_SIGNAL,
	M = DEJA_CLASS_MEMORY,
	I = DEJA_CLASS_IPC,
};

static const char *const names[] = {"net",     "file",	 "desc",   "time",
				    "process", "signal", "memory", "ipc"};

/* What the rows do not tell: FILE and DESC follow from the arguments. */
static const uint8_t by_nr[TF_CALL_MAX] = {
    [SYS_socket] = N | D, [SYS_connect] = N, [SYS_accept] = N, [SYS_accept4] = N,
    [SYS_sendto] = N, [SYS_recvfrom] = N, [SYS_sendmsg] = N, [SYS_recvmsg] = N,
    [SYS_sendmmsg] = N, [SYS_recvmmsg] = N, [SYS_shutdown] = N, [SYS_bind] = N,
    [SYS_listen] = N, [SYS_getsockname] = N, [SYS_getpeername] = N,
    [SYS_socketpair] = N | D, [SYS_setsockopt] = N, [SYS_getsockopt] = N,
    [SYS_sethostname] = N, [SYS_setdomainname] = N,
    [SYS_pipe] = D, [SYS_pipe2] = D, [SYS_epoll_create] = D, [SYS_epoll_create1] = D,
    [SYS_eventfd] = D, [SYS_eventfd2] = D, [SYS_inotify_init] = D, [SYS_inotify_init1] = D,
    [SYS_memfd_create] = D, [SYS_poll] = D, [SYS_ppoll] = D, [SYS_select] = D,
    [SYS_pselect6] = D, [SYS_close_range] = D, [SYS_getcwd] = F, [SYS_open] = D,
    [SYS_creat] = D, [SYS_timerfd_create] = D | T, [SYS_timerfd_settime] = T,
    [SYS_timerfd_gettime] = T, [SYS_signalfd] = S, [SYS_signalfd4] = S,
    [SYS_pidfd_open] = D | P, [SYS_pidfd_send_signal] = S, [SYS_pidfd_getfd] = P,
    [SYS_nanosleep] = T, [SYS_clock_nanosleep] = T, [SYS_getitimer] = T, [SYS_setitimer] = T,
    [SYS_alarm] = T, [SYS_gettimeofday] = T, [SYS_settimeofday] = T, [SYS_time] = T,
    [SYS_times] = T, [SYS_clock_gettime] = T, [SYS_clock_settime] = T, [SYS_clock_getres] = T,
    [SYS_clock_adjtime] = T, [SYS_adjtimex] = T, [SYS_timer_create] = T,
    [SYS_timer_settime] = T, [SYS_timer_gettime] = T, [SYS_timer_getoverrun] = T,
    [SYS_timer_delete] = T,
    [SYS_clone] = P, [SYS_clone3] = P, [SYS_fork] = P, [SYS_vfork] = P, [SYS_execve] = P,
    [SYS_execveat] = P, [SYS_exit] = P, [SYS_exit_group] = P, [SYS_wait4] = P,
    [SYS_waitid] = P, [SYS_getpid] = P, [SYS_getppid] = P, [SYS_gettid] = P,
    [SYS_getpgid] = P, [SYS_getpgrp] = P, [SYS_setpgid] = P, [SYS_getsid] = P,
    [SYS_setsid] = P, [SYS_getuid] = P, [SYS_getgid] = P, [SYS_geteuid] = P,
    [SYS_getegid] = P, [SYS_setuid] = P, [SYS_setgid] = P, [SYS_setreuid] = P,
    [SYS_setregid] = P, [SYS_setresuid] = P, [SYS_setresgid] = P, [SYS_getresuid] = P,
    [SYS_getresgid] = P, [SYS_getgroups] = P, [SYS_setgroups] = P, [SYS_setfsuid] = P,
    [SYS_setfsgid] = P, [SYS_capget] = P, [SYS_capset] = P, [SYS_prctl] = P,
    [SYS_arch_prctl] = P, [SYS_ptrace] = P, [SYS_getrlimit] = P, [SYS_setrlimit] = P,
    [SYS_prlimit64] = P, [SYS_getrusage] = P, [SYS_sched_yield] = P,
    [SYS_sched_setaffinity] = P, [SYS_sched_getaffinity] = P, [SYS_set_tid_address] = P,
    [SYS_unshare] = P, [SYS_setns] = P, [SYS_getpriority] = P, [SYS_setpriority] = P,
    [SYS_kill] = S, [SYS_tkill] = S, [SYS_tgkill] = S, [SYS_rt_sigaction] = S,
    [SYS_rt_sigprocmask] = S, [SYS_rt_sigreturn] = S, [SYS_rt_sigpending] = S,
    [SYS_rt_sigtimedwait] = S, [SYS_rt_sigqueueinfo] = S, [SYS_rt_tgsigqueueinfo] = S,
    [SYS_rt_sigsuspend] = S, [SYS_sigaltstack] = S, [SYS_pause] = S,
    [SYS_brk] = M, [SYS_mmap] = M, [SYS_munmap] = M, [SYS_mprotect] = M, [SYS_mremap] = M,
    [SYS_madvise] = M, [SYS_msync] = M, [SYS_mincore] = M, [SYS_mlock] = M, [SYS_mlock2] = M,
    [SYS_munlock] = M, [SYS_mlockall] = M, [SYS_munlockall] = M, [SYS_pkey_mprotect] = M,
    [SYS_pkey_alloc] = M, [SYS_pkey_free] = M, [SYS_mbind] = M, [SYS_set_mempolicy] = M,
    [SYS_get_mempolicy] = M, [SYS_membarrier] = M, [SYS_process_madvise] = M,
    [SYS_shmget] = I, [SYS_shmat] = I | M, [SYS_shmdt] = I | M, [SYS_shmctl] = I,
    [SYS_semget] = I, [SYS_semop] = I, [SYS_semtimedop] = I, [SYS_semctl] = I,
    [SYS_msgget] = I, [SYS_msgsnd] = I, [SYS_msgrcv] = I, [SYS_msgctl] = I,
    [SYS_mq_open] = I | D, [SYS_mq_unlink] = I, [SYS_mq_timedsend] = I,
    [SYS_mq_timedreceive] = I, [SYS_mq_notify] = I, [SYS_mq_getsetattr] = I,
    [SYS_futex] = I,
};

static const uint8_t by_event[TF_ID_FIRST] = {
    [TF_EV_IMAGE] = P, [TF_EV_THREAD] = P, [TF_EV_SIGNAL] = S, [TF_EV_CLOCK] = T,
    [TF_EV_SPAWN] = P, [TF_EV_CHILD] = P, [TF_EV_EXEC] = P, [TF_EV_START] = P,
};

static struct facts {
	uint8_t classes;
	uint8_t paths;	 /* bit per argument */
	int8_t fd;	 /* argument, -1: none */
} facts[TF_ID_FIRST + TF_CALL_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A path argument, by what the man page calls it. symlink's target is text. */
static bool is_path(const struct tf_call *call, const struct tf_arg *arg)
{
	static const char *const more[] = {"new_root", "put_old", "special", "dev_name"};

	if (arg->kind != TF_MEM || arg->rule != TF_CSTR)
		return false;
	if (strstr(arg->name, "path") || strstr(arg->name, "filename"))
		return true;
	if (!strcmp(arg->name, "target"))
		return call->nr == SYS_mount || call->nr == SYS_umount2;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (!strcmp(arg->name, more[i]))
			return true;
	return false;
}

static void fill(void)
{
	for (unsigned id = 0; id < TF_ID_FIRST + TF_CALL_MAX; id++) {
		const struct tf_call *call = tf_call_by_id(id);
		struct facts *f = &facts[id];

		f->fd = -1;
		if (id < TF_ID_FIRST)
			f->classes = by_event[id];
		if (!call)
			continue;
		f->classes = call->nr >= 0 && call->nr < TF_CALL_MAX ? by_nr[call->nr] : 0;
		for (unsigned i = 0; i < call->nargs && i < 6; i++) {
			if (is_path(call, &call->arg[i]))
				f->paths |= (uint8_t)(1u << i);
			if (call->arg[i].kind == TF_FD && f->fd < 0)
				f->fd = (int8_t)i;
		}
		if (f->paths)
			f->classes |= F;
		if (f->fd >= 0)
			f->classes |= D;
	}
}

static const struct facts *facts_of(unsigned id)
{
	static const struct facts none = {0, 0, -1};

	pthread_once(&once, fill);
	return id < sizeof(facts) / sizeof(facts[0]) ? &facts[id] : &none;
}

unsigned deja_event_classes(unsigned id)
{
	return facts_of(id)->classes;
}

unsigned look_path_args(unsigned id)
{
	return facts_of(id)->paths;
}

int look_fd_arg(unsigned id)
{
	return facts_of(id)->fd;
}

const char *deja_class_name(unsigned bit)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bit == 1u << i)
			return names[i];
	return NULL;
}

unsigned deja_class_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return 1u << i;
	return 0;
}
