# Where pidfd_open is refused (a filter that does not know it, an older kernel, valgrind around
# deja) or no descriptor is left for it, a process is not taken for one that has ended: neither by
# the recorder, which would end its stream, nor by the replay, which would give its slot away.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >refuse.c <<'C'
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
/* refuse ERRNO CMD...: pidfd_open fails */
int main(int argc, char **argv)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)atoi(argv[1])),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {4, code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return 99;
	execvp(argv[2], argv + 2);
	return 98;
}
C
gcc -O1 -o refuse refuse.c || fail "no compiler"

# some that live long, some that are killed, some whose first thread ends before the others
cat >tree.py <<'P'
import ctypes, os, signal, threading, time
def late():
    for i in range(20):
        os.getppid()
        time.sleep(0.01)
    os.write(1, b"late\n")
    os._exit(3)
kinds = []
for i in range(6):
    pid = os.fork()
    if pid == 0:
        if i % 3 == 2:
            threading.Thread(target=late).start()
            ctypes.CDLL(None).syscall(60, 0)  # exit: of this thread alone
        if i % 3 == 1:
            os.getpid()
            signal.pause()
        for k in range(20):
            os.getppid()
            time.sleep(0.01)
        os._exit(i)
    kinds.append(pid)
time.sleep(0.1)
for i, pid in enumerate(kinds):
    if i % 3 == 1:
        os.kill(pid, signal.SIGKILL)
for pid in kinds:
    os.write(1, b"%d\n" % os.waitpid(pid, 0)[1])  # whole, whatever python makes of print
P
printf '%s\n' late late 0 9 768 768 9 768 | sort >wanted

same() { # WHAT: the output of the recorded program, and nothing said
	sort stdout | cmp -s - wanted || fail "$1: another output: $(cat stdout)"
	[ ! -s stderr ] || fail "$1: says $(cat stderr)"
}
all_equal() { # WHAT
	grep -qE '^OK ([1-9][0-9]*)/\1 events$' stdout || fail "$1: verify says $(cat stdout)"
}
expect 0 "$DEJA" record -q -o plain -- python3 tree.py
same record
for errno in 1 24 38; do # EPERM, EMFILE, ENOSYS
	expect 0 ./refuse $errno "$DEJA" record -q -o "refused.$errno" -- python3 tree.py
	same "recorded, errno $errno"
	expect 0 "$DEJA" replay "refused.$errno"
	same "recorded with errno $errno, replayed"
	expect 0 "$DEJA" verify "refused.$errno"
	all_equal "recorded with errno $errno"
	for i in 1 2 3; do
		expect 0 ./refuse $errno "$DEJA" verify --no-sandbox plain
		all_equal "errno $errno"
	done
done
