/*
 * The recorder: processes. Every forked child gets a stream and a slot of its own, taken
 * by the parent beforehand so that nothing can fail in the child. A vfork child writes
 * to its parent's stream until it execs. exec keeps slot and stream; the new image's
 * constructor goes on where the old one stopped.
 */
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <fcntl.h>
#include <unistd.h>
#include <sched.h>
#include <errno.h>
#include "record.h"
#include "detach.h"
#include "exec_target.h"
#include "own_memory.h"

static uint32_t next_stream(void)
{
	return __atomic_fetch_add(&RT->session->next_stream, 1, __ATOMIC_SEQ_CST);
}

/* In a child that has memory of its own. */
static void child_adopt(struct thread *t, struct slot *slot)
{
	RT->live_pid = RT->pid = (int32_t)dj_raw(SYS_getpid);
	t->tid = RT->pid;
	threads_forget_others(t);
	RT->slot = t->slot = slot;
	t->roles = slot->fd_role;
	RT->slot_index = slot_index_of(slot);
	thread_activate(t);
	trap_arm();
}

static void emit_child(struct thread *t)
{
	struct slot *slot = t->slot;
	uint8_t buf[64], *p = buf;

	slot->last_tid = t->tid;
	slot->pid = RT->pid;
	__atomic_store_n(&slot->state, SLOT_RUNNING, __ATOMIC_SEQ_CST);
	p = tf_put_array(p, 6);
	p = tf_put_uint(p, TF_EV_CHILD);
	p = tf_put_uint(p, (uint64_t)record_dt(slot, dj_now()));
	p = tf_put_uint(p, slot->parent_stream);
	p = tf_put_int(p, RT->pid);
	p = tf_put_int(p, (int)dj_raw(SYS_getppid));
	p = tf_put_int(p, t->tid);
	ring_put(slot, buf, (size_t)(p - buf));
	ring_commit(slot);
}

/* The call's event, and the descriptor of the new process, which no argument of its row names: where
 * it is stored other flags have the kernel store other things. */
static void emit_clone(struct thread *t, const struct pregs *p, const unsigned long args[6],
		       unsigned long flags, long ret, int64_t t0)
{
	record_emit_call(t, tf_call_by_nr((int)p->nr), args, ret, t0, dj_now(), NULL);
	if ((flags & CLONE_PIDFD) && ret > 0 && !RT->passthrough)
		record_memory(t->slot, (const void *)args[2], sizeof(int32_t));
}

/* A thread, or what vfork and posix_spawn make: a child that runs in our memory until it
 * execs or exits, while this thread waits in the kernel. It has the token then. */
static long clone_sharing(struct thread *t, struct pregs *p, const unsigned long args[6],
			  unsigned long flags)
{
	const struct tf_call *call = tf_call_by_nr((int)p->nr);
	struct thread *child = thread_alloc();
	bool is_vfork = flags & CLONE_VFORK, apart = !(flags & (CLONE_VFORK | CLONE_THREAD));
	struct slot *slot = NULL;
	uint32_t stream = 0;
	int64_t t0 = dj_now();
	long ret;

	if (child && (is_vfork || apart)) {
		child->guest = slot_guest_enter(t->slot);
		if (!child->guest) {
			thread_free(child);
			child = NULL;
		}
	}
	if (!child) {
		record_note(t->slot, "a thread could not be started: too many at once");
		record_emit_call(t, call, args, -EAGAIN, t0, t0, NULL);
		return -EAGAIN;
	}
	if ((apart || (is_vfork && RT->multi)) && !RT->catch_faults)
		signals_catch_faults(t); /* it may outlive us: boundary_holder_killed */
	child->roles = t->roles;
	if (is_vfork || apart) {
		stream = next_stream();
		slot = slot_claim(t, stream, t->slot->stream);
		child->exec_slot = slot;
		if (slot && !(flags & CLONE_FILES))
			child->roles = slot->fd_role;
	}
	if (!is_vfork) {
		RT->multi = 1;
		RT->thread_count++;
	}
	child->slot = t->slot;
	child->vfork_child = is_vfork;
	child->apart = apart;
	if (is_vfork)
		child->altstack = t->altstack;
	if (!(flags & CLONE_SIGHAND))
		signals_actions_copy(child, t);
	child->child_regs = *p;
	child->clone_stack = (p->nr == SYS_clone && args[1]) ? args[1] : pregs_rsp(p);
	ret = thread_clone(child, flags, (int32_t *)args[2], (int32_t *)args[3], args[4]);
	if (is_vfork)
		sched_inherit(t, child);
	if (is_vfork || ret < 0) {
		if (slot && (apart || !child->execed))
			slot_release(slot);
		else if (slot) /* its image may never come up */
			slot_tell_pid(slot, stream, &slot->pid, (int32_t)ret);
		if (!is_vfork)
			RT->thread_count--;
		child->alive = 0;
		if (child->guest)
			__atomic_store_n(child->guest, 0, __ATOMIC_SEQ_CST);
		thread_free(child);
	} else {
		oracles_arm(); /* it awaits its turn */
	}
	emit_clone(t, p, args, flags, ret, t0);
	p->rax = (uint64_t)ret;
	/* the child may have used our stack below rsp: leave without reading it */
	if (is_vfork)
		dj_leave(p, trap_resume_rip(p->rip), pregs_rsp(p));
	return ret;
}

long record_clone(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	unsigned long flags = p->nr == SYS_clone	? args[0]
			      : p->nr == SYS_vfork ? CLONE_VM | CLONE_VFORK | 17
						   : 17 /* SIGCHLD */;
	unsigned long clone_args[6] = {flags, 0, 0, 0, 0, 0}, fork_args[6] = {0};
	struct slot *slot = NULL;
	uint32_t stream;
	int64_t t0;
	long ret;

	if (p->nr == SYS_clone)
		dj_copy(clone_args, args, sizeof(clone_args));
	if (flags & CLONE_VM)
		return clone_sharing(t, p, clone_args, flags);
	stream = next_stream();
	slot = slot_claim(t, stream, t->slot->stream);
	if (!slot && !RT->passthrough && !RT->session->closed)
		record_note(t->slot, "a child is not recorded: too many processes at once");
	if (!RT->passthrough)
		record_domain_fork(t);
	/* before: who is killed in the call may have left a child */
	if (slot && !RT->passthrough) {
		record_thread_switch(t);
		record_emit_ints(t->slot, TF_EV_SPAWN, 1, stream, 0, 0);
		ring_commit(t->slot);
	}
	if (flags & CLONE_NEWPID)
		RT->session->pid_namespaces = 1;
	t0 = dj_now();
	dj_copy(fork_args, clone_args, sizeof(fork_args));
	fork_args[1] = 0;
	ret = dj_raw_wait(SYS_clone, fork_args);
	if (ret == 0) {
		if (slot) {
			child_adopt(t, slot);
			emit_child(t);
			if (RT->domains)
				boundary_domains_take(t);
		} else {
			RT->passthrough = 1;
			RT->domains = 0;
			RT->live_pid = (int32_t)dj_raw(SYS_getpid);
			thread_activate(t);
			trap_arm();
		}
		if (clone_args[1]) {
			p->rax = 0;
			dj_leave(p, trap_resume_rip(p->rip), clone_args[1]);
		}
		return 0;
	}
	if (slot) {
		if (ret < 0)
			slot_release(slot);
		else
			slot_tell_pid(slot, stream, &slot->pid, (int32_t)ret);
	}
	if (RT->passthrough)
		return ret;
	record_thread_switch(t);
	emit_clone(t, p, args, flags, ret, t0);
	return ret;
}

void boundary_child(struct thread *t)
{
	t->tid = (int32_t)dj_raw(SYS_gettid);
	if (RT->passthrough)
		return;
	if (t->vfork_child)
		RT->sched_owner = t;
	else
		sched_acquire(t);
	record_runs(t);
}

/* --- exec --- */

#define EXEC_ROOM (DJ_PRIVATE + 0x800000000ul)

struct exec_env {
	char **envp;
	size_t room_len; /* bytes mapped at EXEC_ROOM */
	bool lists_only; /* the dynamic linker will list the libraries and end */
};

/* The environment of the next image: the program's own and ours in front. False when the
 * program's is unreadable (exec will say so itself) or there is no memory. */
static bool exec_env_make(struct exec_env *e, char *const *own, const struct slot *slot)
{
	static const char preload[] = SESSION_ENV_PRELOAD;
	size_t count = 0, preload_len = 0;
	uintptr_t known = 1, known_list = 1;
	char *text, **out;

	for (;; count++) {
		char *s;
		size_t len;

		if (!own)
			break;
		if (!dj_readable(own + count, sizeof(s), &known_list))
			return false;
		s = own[count];
		if (!s)
			break;
		len = dj_strlen_user_in(s, 1 << 20, &known);
		if (!len)
			return false;
		if (dj_starts(s, "LD_TRACE_LOADED_OBJECTS="))
			e->lists_only = true;
		if (dj_starts(s, preload))
			preload_len += len + 64;
	}
	e->room_len = ((count + 8) * sizeof(char *) + preload_len + 512 + 4095) & ~4095ul;
	if (dj_raw(SYS_mmap, EXEC_ROOM, e->room_len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (long)EXEC_ROOM)
		return false;
	out = e->envp = (char **)EXEC_ROOM;
	text = (char *)(out + count + 8);

#define TEXT(s) text = dj_put_text(text, text + 2048, s)
	*out++ = text;
	text = slot_env_put(text, slot);
	*out++ = text;
	TEXT(preload_len ? SESSION_ENV_PAD : preload);
	if (!preload_len) {
		TEXT(RT->dir);
		TEXT(SESSION_SO_NAME);
	}
	*text++ = 0;
	for (size_t i = 0; i < count; i++) {
		if (!dj_starts(own[i], preload)) {
			*out++ = own[i];
			continue;
		}
		*out++ = text;
		TEXT(preload);
		TEXT(RT->dir);
		TEXT(SESSION_SO_NAME);
		*text++ = ':';
		{
			size_t len = dj_strlen(own[i] + sizeof(preload) - 1) + 1;

			dj_copy(text, own[i] + sizeof(preload) - 1, len);
			text += len;
		}
	}
#undef TEXT
	*out = NULL;
	return true;
}

/* An external child's output passes through the supervisor: its descriptors with a role
 * become fifos or terminals of its own (tools/record/outlet.c). A limit on descriptors does not bind
 * us here; it is back before exec. */
enum { REDIRECT_MAX = 64, SAVED_FROM = 100 };
struct redirect {
	int saved[REDIRECT_MAX]; /* where a descriptor can be had back, -1: untouched */
};

static void external_redirect(struct thread *t, struct slot *slot, struct redirect *r)
{
	char path[SESSION_DIR_LEN + 8];
	struct rlimit limit = {0, 0}, raised;

	dj_raw(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &limit);
	raised = limit;
	if (raised.rlim_cur < SAVED_FROM + REDIRECT_MAX)
		raised.rlim_cur = raised.rlim_max;
	dj_raw(SYS_prlimit64, 0, RLIMIT_NOFILE, &raised, 0);
	dj_copy(path, RT->dir, SESSION_DIR_LEN);
	dj_copy(path + SESSION_DIR_LEN, "/out0", 6);
	for (int fd = 0; fd < REDIRECT_MAX; fd++) {
		uint8_t role = t->roles[fd];
		long fifo;

		r->saved[fd] = -1;
		if (!role || role == ROLE_STATUS || dj_raw(SYS_fcntl, fd, F_GETFD) & FD_CLOEXEC)
			continue;
		path[SESSION_DIR_LEN + 4] = (char)('0' + role);
		fifo = dj_raw(SYS_open, path, O_WRONLY | O_CLOEXEC | O_NOCTTY, 0);
		if (fifo == -EACCES) { /* it has become another user */
			record_let_in(slot, (int)dj_raw(SYS_geteuid));
			fifo = dj_raw(SYS_open, path, O_WRONLY | O_CLOEXEC | O_NOCTTY, 0);
		}
		if (fifo < 0)
			continue;
		r->saved[fd] = (int)dj_raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, SAVED_FROM);
		dj_raw(SYS_dup2, fifo, fd);
		dj_raw(SYS_close, fifo);
	}
	dj_raw(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, 0);
}

static void external_restore(const struct redirect *r)
{
	for (int fd = 0; fd < REDIRECT_MAX; fd++)
		if (r->saved[fd] >= 0) {
			dj_raw(SYS_dup2, r->saved[fd], fd);
			dj_raw(SYS_close, r->saved[fd]);
		}
}

/* So that whoever waits for this process has its output taken in first. */
static void external_remember(void)
{
	struct session *s = RT->session;
	uint32_t n = __atomic_fetch_add(&s->external_count, 1, __ATOMIC_SEQ_CST);

	s->external_pids[n % EXTERNAL_PID_COUNT] = (int32_t)dj_raw(SYS_getpid);
}

static bool is_external(int32_t pid)
{
	struct session *s = RT->session;

	for (uint32_t i = 0; i < EXTERNAL_PID_COUNT && i < s->external_count; i++)
		if (s->external_pids[i] == pid)
			return true;
	return false;
}

void record_waited(struct thread *t, long nr, const unsigned long args[6], long ret)
{
	int32_t pid = 0;

	if (!RT->session->external_count || ret < 0)
		return;
	if (nr == SYS_wait4)
		pid = (int32_t)ret;
	else if (args[2]) /* waitid: si_pid */
		pid = ((const int32_t *)args[2])[3];
	if (pid > 0 && is_external(pid))
		record_drain_externals(t->slot);
}

static void emit_exec(struct thread *t, const char *path, uint32_t external,
		      uint32_t stream)
{
	struct slot *slot = t->slot;
	uint8_t buf[64], *p = buf;
	size_t len = dj_strlen(path);

	record_thread_switch(t);
	p = tf_put_array(p, 5);
	p = tf_put_uint(p, TF_EV_EXEC);
	p = tf_put_uint(p, (uint64_t)record_dt(slot, dj_now()));
	p = tf_put_bin(p, (uint32_t)len);
	ring_put(slot, buf, (size_t)(p - buf));
	ring_put(slot, path, len);
	p = tf_put_uint(buf, external);
	p = tf_put_uint(p, stream);
	ring_put(slot, buf, (size_t)(p - buf));
	ring_commit(slot);
}

/* The dynamic linker could open neither the runtime nor the program's libraries. */
static bool no_descriptor_left(void)
{
	long fd = dj_raw(SYS_open, "/", O_RDONLY | O_CLOEXEC, 0);

	if (fd >= 0)
		dj_raw(SYS_close, fd);
	return fd == -EMFILE;
}

/* To read, and to write where `write` says so. */
static bool can_open(const char *name, bool write)
{
	char path[SESSION_DIR_LEN + 16];
	long fd;

	dj_copy(path, RT->dir, SESSION_DIR_LEN);
	dj_copy(path + SESSION_DIR_LEN, name, dj_strlen(name) + 1);
	/* half as long, but unknown to filters (record_seccomp.c) */
	if (!dj_raw(SYS_prctl, PR_GET_SECCOMP) &&
	    !dj_raw(SYS_faccessat2, AT_FDCWD, path, write ? R_OK | W_OK : R_OK, AT_EACCESS))
		return true;
	fd = dj_raw(SYS_open, path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC, 0);
	if (fd >= 0)
		dj_raw(SYS_close, fd);
	return fd >= 0;
}

/* As an image of this user without capabilities will: setpriv and the like keep theirs across the
 * change of user, and exec drops them. */
static bool in_reach(const char *name, bool write, long uid)
{
	char path[SESSION_DIR_LEN + 16];

	if (!can_open(name, write))
		return false;
	if (!uid || dj_raw(SYS_getuid) != uid) /* access() asks for the real user */
		return true;
	dj_copy(path, RT->dir, SESSION_DIR_LEN);
	dj_copy(path + SESSION_DIR_LEN, name, dj_strlen(name) + 1);
	return dj_raw(SYS_access, path, write ? 6 : 4) == 0;
}

/* Whether the next image will find the runtime and the arena. A process that has become another
 * user is let in by the supervisor. */
static bool session_in_reach(struct slot *slot)
{
	long uid = dj_raw(SYS_geteuid);

	if (!in_reach(SESSION_ARENA_NAME, true, uid) ||
	    (uid && dj_raw(SYS_getuid) != uid)) { /* which cannot be asked */
		record_let_in(slot, (int)uid);
		if (!in_reach(SESSION_ARENA_NAME, true, uid))
			return false;
	}
	return in_reach(SESSION_SO_NAME, false, uid);
}

/* Why the next image will not be recorded: EXEC_TARGET_*. */
static uint32_t exec_reason(const struct thread *t, const unsigned long args[6], bool at,
			    const struct exec_env *env, struct slot *slot)
{
	const char *path = (const char *)args[at ? 1 : 0];
	uint32_t external;

	if (RT->sandboxed) /* what is looked at below may not be called, either */
		return EXEC_TARGET_SANDBOX;
	external = exec_target(at ? (int)args[0] : AT_FDCWD, path, !RT->dispatch);
	if (external)
		return external;
	if ((t->vfork_child || t->apart) && !t->exec_slot)
		return EXEC_TARGET_NO_SLOT;
	if (env->lists_only)
		return EXEC_TARGET_LISTS;
	if (no_descriptor_left())
		return EXEC_TARGET_NO_FD;
	if ((at || !dj_raw(SYS_access, path, 1 /* X_OK */)) && !session_in_reach(slot))
		return EXEC_TARGET_NO_WAY;
	return EXEC_TARGET_OK;
}

/* The stream is that of those who share our memory from here on; the next image begins another. The
 * kernel tells them that we are gone (sched.c). */
static void exec_outlived(struct thread *t)
{
	t->exec_slot = slot_claim(t, next_stream(), t->slot->stream);
	if (t->exec_slot)
		t->exec_slot->pid = RT->pid;
	t->alive = 1;
	dj_raw(SYS_set_tid_address, &t->alive);
	RT->leaver = t;
}

static void exec_outlived_not(struct thread *t, bool external)
{
	if (t->exec_slot)
		slot_release(t->exec_slot);
	t->exec_slot = NULL;
	if (!external)
		RT->leaver = NULL;
}

/* Around exec. */
static void exec_begins(struct thread *t, bool begins)
{
	if (t->guest)
		__atomic_store_n(t->guest, begins ? -t->live_tid : t->live_tid, __ATOMIC_SEQ_CST);
	signals_for_exec(t, begins);
}

long record_exec(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	const struct tf_call *call = tf_call_by_nr((int)p->nr);
	bool at = p->nr == SYS_execveat;
	const char *path = (const char *)args[at ? 1 : 0];
	unsigned long a[6];
	struct slot *slot;
	struct exec_env env = {0};
	uint32_t external;
	struct redirect redirect;
	bool shares = t->vfork_child || t->apart; /* the memory's other users live on */
	bool outlived = !shares && !RT->passthrough && slot_has_guests(t->slot);
	int64_t t0 = dj_now();
	long ret;

	dj_copy(a, args, sizeof(a));
	if (outlived)
		exec_outlived(t);
	slot = t->exec_slot ? t->exec_slot : t->slot;
	if (!dj_strlen_user(path, 4096) ||
	    !exec_env_make(&env, (char *const *)args[at ? 3 : 2], slot)) {
		/* unreadable arguments: exec refuses them, or goes on unrecorded */
		ret = dj_raw_wait(p->nr, args);
		if (outlived)
			exec_outlived_not(t, false);
		record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
		return ret;
	}
	if (t->exec_slot && t->roles != t->exec_slot->fd_role) /* shared until now */
		dj_copy(t->exec_slot->fd_role, t->roles, sizeof(t->exec_slot->fd_role));
	external = exec_reason(t, args, at, &env, slot);
	if (outlived && external)
		exec_outlived_not(t, true);
	emit_exec(t, path, external, t->exec_slot ? t->exec_slot->stream : 0);
	if (RT->passthrough) { /* recording has ended */
		dj_raw(SYS_munmap, EXEC_ROOM, env.room_len);
		exec_begins(t, true);
		ret = dj_raw_wait(p->nr, args);
		exec_begins(t, false);
		return ret;
	}
	if (external == EXEC_TARGET_SANDBOX) {
		external_remember();
	} else if (external) {
		external_redirect(t, slot, &redirect);
		external_remember();
	} else {
		a[at ? 3 : 2] = (unsigned long)env.envp;
	}
	t->execed = !external;
	if (!shares)
		slot->passthrough = external != 0;
	if (!t->vfork_child) { /* whose maker waits */
		sched_leave(t, true);
		record_domains_depart(t);
	}
	exec_begins(t, true);
	ret = dj_raw_wait((long)p->nr, a);
	exec_begins(t, false);
	if (!t->vfork_child) {
		sched_leave(t, false);
		boundary_domains_take(t);
	}
	t->execed = false;
	if (!shares)
		slot->passthrough = 0;
	if (external && external != EXEC_TARGET_SANDBOX)
		external_restore(&redirect);
	dj_raw(SYS_munmap, EXEC_ROOM, env.room_len);
	if (outlived)
		exec_outlived_not(t, false);
	record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
	return ret;
}

long record_exit(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	const struct tf_call *call = tf_call_by_nr((int)p->nr);
	int64_t now;

	if (p->nr == SYS_exit_group)
		record_output_settle(t);
	now = dj_now();
	record_emit_call(t, call, args, 0, now, now, NULL);
	if (t->apart || (p->nr == SYS_exit && !t->vfork_child && RT->thread_count > 1)) {
		uint64_t block = ~0ull;

		/* no handler of the program's any more: it would find no token */
		dj_raw(SYS_rt_sigprocmask, 2, &block, 0, 8);
		thread_clear_tid(t);
		thread_bury(t);
		sched_release(t);
	} else if (!t->vfork_child) {
		if (RT->domains)
			futex_robust_end(t); /* in our turn, not when the kernel comes to it */
		boundary_domains_give(t);
		/* else the stream goes on with those that share its memory, and the turn is theirs as
		 * soon as we are gone (sched.c) */
		if (!slot_has_guests(t->slot))
			__atomic_store_n(&t->slot->state, SLOT_ENDED, __ATOMIC_SEQ_CST);
	}
	for (;;)
		dj_raw(p->nr, args[0]);
}

/* kill(2): to this process, too? */
static bool kills_us(const struct thread *t, int target)
{
	if (target < -1)
		return dj_raw(SYS_getpgid, 0) == -target;
	return target == (t->apart ? t->tid : RT->pid) || !target;
}

/* SIGSTOP, or SIGTSTP, SIGTTIN, SIGTTOU that nobody handles. */
static bool stops(const struct thread *t, int signo)
{
	return signo == 19 || (signo >= 20 && signo <= 22 && !t->actions->action[signo].handler);
}

/* A signal to ourselves that will end us must be in the stream before it is sent. */
long record_kill(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	const struct tf_call *call = tf_call_by_nr((int)p->nr);
	int target = (int)args[0];
	int signo = (int)(p->nr == SYS_tgkill || p->nr == SYS_rt_tgsigqueueinfo ? args[2]
										: args[1]);
	bool self = p->nr == SYS_tkill	? target == t->tid
		    : p->nr == SYS_kill ? kills_us(t, target)
					: target == (t->apart ? t->tid : RT->pid);
	struct k_sigaction act;
	uint64_t blocked = 0;
	int64_t t0 = dj_now();
	long ret;

	if (self && signo >= 1 && signo <= 64) {
		dj_raw(SYS_rt_sigaction, signo, 0, &act, 8);
		blocked = signals_mask(t);
		if (signo == SIGSYS_NR)
			act.handler = t->actions->action[signo].handler;
		if (signo == 9 || (act.handler == 0 && !(blocked & SIG_BIT(signo)) &&
				   signals_fatal_by_default(signo))) {
			record_output_settle(t);
			t0 = dj_now();
			record_emit_call(t, call, args, 0, t0, t0, NULL);
			if (RT->domains) { /* as at the exit */
				futex_robust_end(t);
				boundary_domains_give(t);
			}
			if (signo == SIGSYS_NR)
				signals_die(signo);
			ret = dj_raw(p->nr, args[0], args[1], args[2], args[3]);
			/* it lives on: another thread, which blocks the signal, was meant */
			record_output_resume();
			if (RT->domains)
				boundary_domains_take(t);
			if (ret)
				record_note(t->slot, "a signal that should have ended the "
						     "process did not");
			return ret;
		}
	}
	/* in our turn: whom we share memory with stands somewhere definite then */
	ret = RT->domains && !(self && stops(t, signo))
		      ? record_domain_kill(p->nr, args, target, signo)
		      : record_wait(t, p->nr, args);
	record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
	return ret;
}

long record_passthrough(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	long ret;

	switch (p->nr) {
	case SYS_clone:
	case SYS_fork:
	case SYS_vfork:
		return record_clone(t, p, args);
	case SYS_execve:
	case SYS_execveat:
		exec_begins(t, true);
		ret = dj_raw_wait((long)p->nr, args);
		exec_begins(t, false);
		return ret;
	case SYS_clone3:
	case SYS_rseq:
		return -ENOSYS;
	case SYS_sigaltstack:
		return signals_altstack(t, p, args);
	case SYS_arch_prctl:
		if (args[0] == ARCH_SET_GS)
			return record_set_gs(t, tf_call_by_nr(SYS_arch_prctl), args);
		if (args[0] == ARCH_GET_GS)
			return record_get_gs(args);
		break;
	case SYS_exit:
		thread_clear_tid(t);
		thread_free(t);
		break;
	case SYS_seccomp:
	case SYS_prctl:
		if (!t->vfork_child && !t->apart && record_is_filter((long)p->nr, args))
			detach(t); /* before it takes hold */
		break;
	case SYS_set_tid_address:
		t->clear_tid = (int32_t *)args[0];
		return t->tid;
	case SYS_rt_sigaction:
		return signals_action_apply(args);
	case SYS_rt_sigprocmask:
		return signals_mask_apply(args);
	}
	if (own_memory_call((long)p->nr, args, &ret))
		return ret;
	return dj_raw_wait((long)p->nr, args);
}
