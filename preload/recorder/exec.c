/*
 * The recorder: exec. It keeps slot and stream, and the new image's constructor goes on where the old
 * one stopped; a process that shares its memory with others leaves them these (process.c) and
 * begins new ones. What cannot be recorded (exec_target.c) is external: it runs on its own, and its
 * output passes through the supervisor.
 */
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <fcntl.h>
#include <errno.h>
#include <sys/ptrace.h>
#include "record.h"
#include "preload/exec_target.h"

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

static void external_redirect(struct thread *t, struct redirect *r)
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
		if (!role || role >= ROLE_STATUS || dj_raw(SYS_fcntl, fd, F_GETFD) & FD_CLOEXEC)
			continue;
		path[SESSION_DIR_LEN + 4] = (char)('0' + role);
		fifo = dj_raw(SYS_open, path, O_WRONLY | O_CLOEXEC | O_NOCTTY, 0);
		if (fifo == -EACCES) { /* it has become another user */
			record_let_in(t->slot, (int)dj_raw(SYS_geteuid));
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
	/* half as long, but unknown to filters (seccomp.c) */
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
 * user is let in by the supervisor, which is asked through the stream that is being written to: it
 * looks into the next image's slot when that has begun, not before. */
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
			    const struct exec_env *env)
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
	if ((at || !dj_raw(SYS_access, path, 1 /* X_OK */)) && !session_in_reach(t->slot))
		return EXEC_TARGET_NO_WAY;
	return EXEC_TARGET_OK;
}

/* The stream is that of those who share our memory from here on; the next image begins another. The
 * kernel tells them that we are gone (sched.c). */
static void exec_outlived(struct thread *t)
{
	t->exec_slot = slot_claim(t, record_next_stream(), t->slot->stream);
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

static void exec_begins(struct thread *t, bool begins)
{
	if (t->guest)
		__atomic_store_n(t->guest, begins ? -t->live_tid : t->live_tid, __ATOMIC_SEQ_CST);
	signals_for_exec(t, begins);
}

long record_exec_make(struct thread *t, long nr, const unsigned long args[6])
{
	long ret;

	if (t->trace_me) /* record_watched */
		dj_raw(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
	t->trace_me = false;
	exec_begins(t, true);
	ret = dj_raw_wait(nr, args);
	exec_begins(t, false);
	return ret;
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
	external = exec_reason(t, args, at, &env);
	if (outlived && external)
		exec_outlived_not(t, true);
	emit_exec(t, path, external, t->exec_slot ? t->exec_slot->stream : 0);
	if (RT->passthrough) { /* recording has ended */
		dj_raw(SYS_munmap, EXEC_ROOM, env.room_len);
		return record_exec_make(t, (long)p->nr, args);
	}
	if (external == EXEC_TARGET_SANDBOX) {
		external_remember();
	} else if (external) {
		external_redirect(t, &redirect);
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
	ret = record_exec_make(t, (long)p->nr, a);
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
