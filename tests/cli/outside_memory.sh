# Memory shared with a process outside of the recording (a file in /dev/shm, a System V segment)
# is named when it is recorded, and by `deja info`; memory that only the tree has is not.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >share.py <<'EOF'
import ctypes, mmap, os, sys, time
kind, what, hold = sys.argv[1], sys.argv[2], sys.argv[3:]
if kind == "file":
    fd = os.open(what, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(fd, 4096)
    m = mmap.mmap(fd, 4096)
    first = m[0]
    m[0] = 7
else:
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    at = libc.shmat(int(what), None, 0)
    assert at not in (None, 2**64 - 1)
    first = ctypes.c_char.from_address(at).value[0]
    ctypes.c_char.from_address(at).value = b"\7"
print("found", first, "at", time.time())
if hold:
    open(hold[0], "w").write("ready")
    time.sleep(60)
EOF
name=/dev/shm/victim-$$-outside
trap 'rm -f "$name"' EXIT
segment=$(ipcmk -M 4096 | grep -o '[0-9]*$') || skip "no System V segments"
trap 'rm -f "$name"; ipcrm -m "$segment"' EXIT

expect 0 "$DEJA" record -o alone -- python3 share.py file "$name"
! grep -q "outside of the" stderr || fail "$(cat stderr)"
background python3 share.py file "$name" ready.file
background python3 share.py segment "$segment" ready.segment
wait_for ready.file && wait_for ready.segment || fail "the helpers did not start"
expect 0 "$DEJA" record -o rec -- python3 share.py file "$name"
has_line "shared with a process outside of the recording: $name with python3"
expect 0 "$DEJA" info rec
grep -q "shared with a process outside.*$name" stdout || fail "info does not say so: $(cat stdout)"
expect 0 "$DEJA" record -o segment -- python3 share.py segment "$segment"
has_line "shared with a process outside of the recording: /SYSV"
stop_background
for rec in alone rec segment; do # what was there at the beginning is recorded
	expect 0 "$DEJA" verify "$rec"
done

# A process that is killed by a signal to another of its own threads was not killed from outside.
cat >kill.py <<'EOF2'
import mmap, os, signal, threading, time
m = mmap.mmap(-1, 4096)
pid = os.fork()
if not pid:
    t = threading.Thread(target=time.sleep, args=(60,))
    t.start()
    m[0] = 7
    signal.pthread_kill(t.ident, signal.SIGUSR1)
    time.sleep(60)
print(os.waitpid(pid, 0)[1], m[0])
EOF2
expect 0 "$DEJA" record -o kill -- python3 kill.py
! grep -q "killed from outside" stderr || fail "$(cat stderr)"
expect 0 "$DEJA" replay kill
expect 0 "$DEJA" verify kill
