# A recording whose executable was exchanged for a hostile one, which takes our runtime's own
# way to the kernel: it turns the dispatch off and makes system calls as it likes. It gains
# nothing: no file, no network, no process but its own, no privilege.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >victim.c <<'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
static volatile int kinds[2] = {ATTACK, 7}; /* all that differs */
#define kind kinds[0]
static long raw5(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = 0;
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return r;
}
static long raw(long nr, long a, long b, long c, long d)
{
	return raw5(nr, a, b, c, d, 0);
}
static void say(const char *what, long r)
{
	char line[100];
	int n = snprintf(line, sizeof(line), "%s %ld\n", what, r);
	raw(SYS_write, 2, (long)line, n, 0);
}
static void attack(void)
{
	struct sockaddr_in to = {AF_INET, htons(PORT), {htonl(0x7f000001)}, {0}};
	unsigned char *p = (unsigned char *)(((uintptr_t)getpid & ~0x1ffffful) + 0x2000);
	long fd, made = 0, ones = 1;
	static char zeros[256], room[16];
	struct { void *base; long len; } own = {room, 8}, theirs = {(void *)0x7fffffffe000, 8};
	while (!(p[0] == 0x0f && p[1] == 5 && p[2] == 0xc3))
		p++;
	register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0;
	long r;
	__asm__ volatile("sub $128, %%rsp; call *%[gadget]; add $128, %%rsp"
			 : "=a"(r) : "0"(SYS_prctl), "D"(59L), "S"(0L), "d"(0L), "r"(r10), "r"(r8), [gadget] "r"(p) : "rcx", "r11", "memory");
	say("off", r);
	say("create", raw(SYS_open, (long)(HOME "/x"), O_CREAT | O_WRONLY, 0600, 0));
	if (kind == 3)
		raw(SYS_exit_group, 0, 0, 0, 0);
	say("create-at", raw(SYS_openat, AT_FDCWD, (long)(HOME "/x"), O_CREAT | O_WRONLY, 0600));
	say("write-there", raw(SYS_open, (long)(HOME "/mine"), O_WRONLY | O_TRUNC, 0, 0));
	say("unlink", raw(SYS_unlink, (long)(HOME "/mine"), 0, 0, 0));
	say("read-shadow", raw(SYS_open, (long)"/etc/shadow", O_RDONLY, 0, 0));
	say("read-mine", raw(SYS_open, (long)(HOME "/mine"), O_RDONLY, 0, 0));
	say("read-proc", raw(SYS_open, (long)"/proc/1/status", O_RDONLY, 0, 0));
	say("terminal", raw(SYS_open, (long)"/dev/tty", O_RDWR, 0, 0));
	fd = raw(SYS_socket, AF_INET, SOCK_STREAM, 0, 0);
	say("socket", fd);
	say("connect", raw(SYS_connect, fd < 0 ? 5 : fd, (long)&to, sizeof(to), 0));
	say("socket-unix", raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0));
	say("ptrace-parent", raw(SYS_ptrace, PTRACE_ATTACH, raw(SYS_getppid, 0, 0, 0, 0), 0, 0));
	say("signal-parent", raw(SYS_kill, raw(SYS_getppid, 0, 0, 0, 0), SIGKILL, 0, 0));
	say("signal-other", raw(SYS_kill, OTHER, SIGKILL, 0, 0));
	say("thread-signal", raw(SYS_tgkill, OTHER, OTHER, SIGKILL, 0));
	say("exec", raw(SYS_execve, (long)"/bin/true", 0, 0, 0));
	say("namespace", raw(SYS_unshare, 0x10000000, 0, 0, 0));
	say("clone-namespace", raw(SYS_clone, 0x10000000 | SIGCHLD, 0, 0, 0));
	say("setuid", raw(SYS_setuid, 0, 0, 0, 0));
	say("mount", raw(SYS_mount, 0, 0, 0, 0));
	say("bpf", raw(SYS_bpf, 0, 0, 0, 0));
	say("uring", raw(SYS_io_uring_setup, 1, (long)HOME, 0, 0));
	say("limit", raw(SYS_prlimit64, OTHER, 7, 0, (long)p));
	say("ioctl", raw(SYS_ioctl, 2, 0x5412, (long)"x", 0));
	say("ioctl-out", raw(SYS_ioctl, 1, 0x5412, (long)"x", 0));
	say("terminal-paste", raw(SYS_ioctl, 2, 0x541c, (long)"\003", 0)); /* TIOCLINUX */
	say("other-rings", raw(SYS_open, (long)"/dev/shm", O_RDONLY | O_DIRECTORY, 0, 0));
	say("other-ring", raw(SYS_open, (long)RING, O_RDWR, 0, 0));
	say("handle", raw(SYS_name_to_handle_at, AT_FDCWD, (long)HOME, (long)p, (long)p));
	say("by-handle", raw(SYS_open_by_handle_at, AT_FDCWD, (long)p, O_RDONLY, 0));
	say("keyctl", raw(SYS_keyctl, 0, -3, 1, 0));
	say("add-key", raw(SYS_add_key, (long)"user", (long)"deja", (long)"x", 1));
	say("vm-write", raw5(SYS_process_vm_writev, OTHER, (long)&own, 1, (long)&theirs, 1));
	say("vm-read-parent", raw5(SYS_process_vm_readv, raw(SYS_getppid, 0, 0, 0, 0), (long)&own, 1, (long)&theirs, 1));
	fd = raw(434 /* pidfd_open */, OTHER, 0, 0, 0);
	say("pidfd", fd);
	say("pidfd-getfd", raw(438, fd < 0 ? 5 : fd, 0, 0, 0));
	say("pidfd-signal", raw(424, fd < 0 ? 5 : fd, SIGKILL, 0, 0));
	fd = raw(SYS_memfd_create, (long)"m", 0, 0, 0);
	raw(SYS_write, fd, (long)"#!/bin/sh\n", 10, 0);
	say("exec-memory", raw(SYS_execveat, fd < 0 ? 5 : fd, (long)"", 0, 0));
	say("socketpair-kin", raw(SYS_bind, 5, (long)&to, sizeof(to), 0));
	say("shm", raw(SYS_shmget, 0, 4096, 01600, 0));
	say("msg", raw(SYS_msgget, 0, 01600, 0, 0));
	say("mq", raw(SYS_mq_open, (long)"deja", O_CREAT | O_RDWR, 0600, 0));
	say("userfault", raw(SYS_userfaultfd, 0, 0, 0, 0));
	say("perf", raw(SYS_perf_event_open, (long)zeros, 0, -1, -1));
	say("priority", raw(SYS_setpriority, 0, OTHER, 10, 0));
	say("affinity", raw(SYS_sched_setaffinity, OTHER, 8, (long)&ones, 0));
	say("signal-queue", raw(SYS_rt_sigqueueinfo, OTHER, SIGKILL, (long)zeros, 0));
	say("join-namespace", raw(SYS_setns, 5, 0, 0, 0));
	say("chroot", raw(SYS_chroot, (long)HOME, 0, 0, 0));
	say("fsopen", raw(430, (long)"tmpfs", 0, 0, 0));
	say("open-tree", raw(428, AT_FDCWD, (long)HOME, 0, 0));
	say("move-mount", raw(429, 5, (long)"", AT_FDCWD, (long)HOME));
	say("module", raw(SYS_finit_module, 5, (long)"", 0, 0));
	say("syslog", raw(SYS_syslog, 10, 0, 0, 0));
	say("set-time", raw(SYS_clock_settime, 0, (long)zeros, 0, 0));
	say("host-name", raw(SYS_sethostname, (long)"x", 1, 0, 0));
	say("mknod", raw(SYS_mknod, (long)(HOME "/x"), 0010600, 0, 0));
	say("link", raw(SYS_link, (long)(HOME "/mine"), (long)(HOME "/x"), 0, 0));
	say("rename", raw(SYS_rename, (long)(HOME "/mine"), (long)(HOME "/x"), 0, 0));
	say("symlink", raw(SYS_symlink, (long)"mine", (long)(HOME "/x"), 0, 0));
	say("mkdir", raw(SYS_mkdir, (long)(HOME "/x"), 0700, 0, 0));
	say("chmod", raw(SYS_chmod, (long)(HOME "/mine"), 0777, 0, 0));
	say("truncate", raw(SYS_truncate, (long)(HOME "/mine"), 0, 0, 0));
	say("xattr", raw(SYS_setxattr, (long)(HOME "/mine"), (long)"user.x", (long)"x", 1));
	say("fanotify", raw(SYS_fanotify_init, 0, 0, 0, 0));
	say("ports", raw(SYS_iopl, 3, 0, 0, 0));
	say("move-pages", raw(SYS_migrate_pages, OTHER, 8, (long)&ones, (long)&ones));
	say("compare", raw(SYS_kcmp, OTHER, OTHER, 0, 0));
	say("reboot", raw(SYS_reboot, 0, 0, 0, 0));
	if (kind == 2) {
		while ((r = raw(SYS_fork, 0, 0, 0, 0)) >= 0 && made < 20000) {
			if (!r)
				for (;;)
					raw(SYS_nanosleep, (long)(struct timespec[]){{60, 0}}, 0, 0, 0);
			made++;
		}
		say("forked", made);
		say("then", r);
	}
	raw(SYS_exit_group, 0, 0, 0, 0);
}
int main(void)
{
	if (kind)
		attack();
	printf("%d\n", getpid());
	return 0;
}
C
mkdir home
export HOME=$PWD/home
echo mine >home/mine
background sleep 100
other=${BACKGROUND[0]}
background python3 -c '
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
open("port", "w").write(str(s.getsockname()[1]))
s.accept(); open("reached", "w").write("yes")'
wait_for port
ring=/dev/shm/deja-not-yours-$$
echo theirs >"$ring"
trap 'rm -f "$ring"' EXIT
build() { ${CC:-cc} -O1 -w -o "$1" victim.c "-DATTACK=$2" "-DHOME=\"$HOME\"" "-DPORT=$(cat port)" "-DOTHER=$other" "-DRING=\"$ring\""; }
build plain 0 || skip "no compiler"
expect 0 "$DEJA" record -q -o rec -- ./plain
stored=$(for f in rec/f/*; do cmp -s "$f" plain && echo "$f"; done)
[ -f "$stored" ] || fail "the executable is not in the recording"

# attack KIND: exchanges the executable, replays, leaves what it said in ./stderr.
attack() {
	local status=0
	build hostile "$1"
	chmod u+w "$stored"
	cp hostile "$stored"
	limit "$DEJA" replay "${@:2}" rec >stdout 2>stderr </dev/null || status=$?
	[ $status = 120 ] || fail "status $status, not 120: $(cat stderr)"
	grep -q '^off 0$' stderr || fail "the attack did not begin: $(cat stderr)"
}
harmless() {
	[ ! -e home/x ] && [ "$(cat home/mine)" = mine ] || fail "$1: it reached files"
	[ ! -e reached ] || fail "$1: it reached the network"
	kill -0 "$other" || fail "$1: it ended another process"
}

attack 1
grep -E '^[a-z-]+ -?[0-9]+$' stderr | grep -v '^off ' >answers
[ "$(wc -l <answers)" = 69 ] || fail "it said $(cat answers)"
grep -vE ' -(1|13|9|3|38)$' answers && fail "these were permitted"
harmless attack

attack 2
forked=$(sed -n 's/^forked //p' stderr)
[ -n "$forked" ] && [ "$forked" -gt 0 ] && [ "$forked" -lt 2000 ] || fail "it made $forked processes"
grep -q '^then -11$' stderr || fail "what ended the bomb: $(grep ^then stderr)"
harmless bomb
# told by the recording's files that they have mapped: their names are the recorded program's
none_left() { ! grep -ls "$PWD/rec/f/" /proc/[0-9]*/maps >left; }
until_true 10 none_left || fail "processes are left: $(cat left)"

# -v says what is on. Without the sandbox the same attack succeeds, with a warning: the test can
# tell the difference.
expect 120 "$DEJA" replay -v rec
has_line 'sandbox: no_new_privs, seccomp, .*Landlock'
attack 3 --no-sandbox
has_line 'warning: replaying without a sandbox'
[ -e home/x ] || fail "even unconfined it did not reach files: the test proves nothing"
stop_background
exit 0
