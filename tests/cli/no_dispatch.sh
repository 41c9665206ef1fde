# Without Syscall User Dispatch (switched off here, or refused by a filter as on old kernels)
# programs are recorded by patching alone: one warning says so, the recording knows it, and
# replays equal.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

# The warning names how many places may be missed; the libraries here hold few.
warned() {
	[ "$(grep -c '^deja: warning: system call dispatch' stderr)" = 1 ] || fail "no warning: $(cat stderr)"
	local places
	places=$(sed -n 's/.*at most \([0-9]*\) places.*/\1/p' stderr)
	[ -n "$places" ] && [ "$places" -lt "${1:-200}" ] || fail "$places places may be missed"
}

# same_replay STATUS NAME: the replay of ./rec prints what was recorded into ./out, twice.
same_replay() {
	local i
	for i in 1 2; do
		expect "$1" "$DEJA" replay rec
		cmp -s stdout out || fail "$2: another output: $(diff -a out stdout | head -5)"
		[ ! -s stderr ] || fail "$2: stderr of the replay: $(cat stderr)"
	done
	expect 0 "$DEJA" verify rec
}

cat >signals.c <<'C'
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile int count;
static char stack[65536];
static void handler(int signo, siginfo_t *info, void *context)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	double x = ts.tv_nsec * 1.5; /* the interrupted registers come back */
	char line[64];
	sigset_t mask;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	int len = snprintf(line, sizeof(line), "%d %d %.1f\n", signo, sigismember(&mask, SIGUSR1), x);
	(void)!write(1, line, len);
	count++;
}
int main(void)
{
	stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	struct itimerval timer = {{0, 3000}, {0, 3000}};
	char buf[16];
	int fds[2];
	sigaddset(&act.sa_mask, SIGUSR1);
	sigaltstack(&alt, NULL);
	sigaction(SIGALRM, &act, NULL);
	sigaction(SIGUSR2, &act, NULL);
	raise(SIGUSR2);
	(void)!pipe(fds);
	setitimer(ITIMER_REAL, &timer, NULL);
	double sum = 0;
	while (count < 20) {
		sum += 0.5;
		ssize_t n = read(fds[0], buf, sizeof(buf));
		printf("read %zd\n", n);
		sigaltstack(NULL, &alt);
		printf("stack %d %d\n", alt.ss_sp == stack, alt.ss_flags);
	}
	printf("%.1f\n", sum);
	return 3;
}
C
gcc -O1 -o signals signals.c || fail "gcc"
cat >lib.c <<'C'
#include <unistd.h>
long raw_pid(void);
__asm__(".globl raw_pid\nraw_pid: mov $39, %eax\n syscall\n ret\n");
long raw_random(void *p)
{
	long r;
	__asm__ volatile("syscall\n\tcmp $-4095, %%rax" : "=a"(r) : "0"(318), "D"(p), "S"(8), "d"(0) : "rcx", "r11", "memory");
	return r;
}
C
gcc -O1 -shared -fPIC -o lib.so lib.c || fail "gcc"
cat >load.c <<'C'
#include <dlfcn.h>
#include <stdio.h>
long raw_here(void *p)
{
	long r;
	__asm__ volatile("syscall\n\tcmp $-4095, %%rax" : "=a"(r) : "0"(318), "D"(p), "S"(8), "d"(0) : "rcx", "r11", "memory");
	return r;
}
int main(void)
{
	void *lib = dlopen("./lib.so", RTLD_NOW);
	if (!lib) return 1;
	long (*pid)(void) = dlsym(lib, "raw_pid"), (*random)(void *) = dlsym(lib, "raw_random"), x = 0;
	printf("%ld\n", pid());
	random(&x);
	printf("%lx\n", x);
	raw_here(&x);
	printf("%lx\n", x);
	return 0;
}
C
gcc -O1 -o load load.c || fail "gcc"

export DEJA_NO_DISPATCH=1
programs=(
	"0 date +%N"
	"0 ls -l /proc/self/"
	"0 bash -c 'for i in 1 2 3; do echo \$RANDOM \$(date +%N) & done; wait'"
	"0 bash -c 'trap \"echo usr1\" USR1; kill -USR1 \$\$; (sleep 0.01; kill -USR1 \$\$) & wait; wait; echo \$RANDOM'"
	"3 ./signals"
	"0 ./load"
)
command -v python3 >/dev/null && programs+=("0 python3 -c 'import os, random, time, subprocess; print(random.random(), os.urandom(4).hex(), time.time(), subprocess.check_output([\"date\", \"+%N\"]))'")
command -v sqlite3 >/dev/null && programs+=("0 sqlite3 x.db 'create table t(x); insert into t values(random()); select * from t'")
command -v perl >/dev/null && programs+=("0 perl -e 'print rand(), \`date +%N\`'")
for p in "${programs[@]}"; do
	rm -rf rec x.db
	got=0
	eval "limit $DEJA record -o rec -- ${p#* }" >out 2>stderr </dev/null || got=$?
	[ $got = "${p%% *}" ] || fail "$p: status $got: $(cat stderr)"
	warned
	expect 0 "$DEJA" info --json rec
	grep -q '"doors": *"patch"' stdout || fail "$p: the recording does not say how calls were caught"
	same_replay "${p%% *}" "$p"
done
unset DEJA_NO_DISPATCH

# A kernel that refuses dispatch.
cat >refuse.c <<'C'
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 59, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 77;
	execvp(argv[1], argv + 1);
	return 127;
}
C
gcc -o refuse refuse.c || fail "gcc"
./refuse true || skip "no seccomp filters here"
rm -rf rec
expect 0 ./refuse "$DEJA" record -o rec -- sh -c 'date +%N; date +%N'
warned
grep -q 'not available here' stderr || fail "the warning: $(cat stderr)"
cp stdout out
same_replay 0 "refused"
expect 0 ./refuse "$DEJA" replay rec
cmp -s stdout out || fail "refused, and replayed there: another output"
rm -rf rec
expect 0 "$DEJA" record -q -o rec -- date +%N
[ ! -s stderr ] || fail "a warning for nothing: $(cat stderr)"
expect 122 ./refuse "$DEJA" replay rec
one_line 'cannot be replayed here'
