# Signals sent to `deja record`: what is meant for the command reaches it, once; what the command
# sends to its own group does not harm the recorder; ^Z stops both; an alarm set before is kept.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >counts.py <<'P'
"""Prints the signals that come, until SIGTERM; argv: what it does to itself at first."""
import os, signal, sys, time
seen = []
def note(number, frame):
    seen.append(signal.Signals(number).name)
for s in ("HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "WINCH", "TERM", "RTMIN", "PROF", "URG"):
    signal.signal(getattr(signal, "SIG" + s), note)
for s in sys.argv[1:]:
    os.kill(0, getattr(signal, "SIG" + s))
print("up", flush=True)
while "SIGTERM" not in seen:
    time.sleep(0.05)
time.sleep(0.3)
print(" ".join(seen))
sys.exit(7)
P
cat >quiet.py <<'P'
"""Runs argv in a session of its own, without dying of what its group is sent."""
import os, signal, sys
pid = os.fork()
if pid == 0:
    os.setsid()
    os.execvp(sys.argv[1], sys.argv[1:])
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(status if status >= 0 else 128 - status)
P

# the command signals its own group: natively and recorded the same
to_group=(USR1 USR2 ALRM PROF WINCH URG HUP INT QUIT RTMIN TERM)
expect 7 python3 quiet.py python3 counts.py "${to_group[@]}"
cp stdout natively
expect 7 python3 quiet.py "$DEJA" record -q -o group -- python3 counts.py "${to_group[@]}"
cmp -s natively stdout || fail "sent to its group: $(cat stdout), natively $(cat natively)"
expect 7 "$DEJA" replay group
cmp -s natively stdout || fail "sent to its group, replayed: $(cat stdout)"

# from outside, to the recorder alone
"$DEJA" record -q -o outside -- python3 counts.py >counted 2>stderr &
recorder=$!
BACKGROUND+=($recorder)
wait_for counted || fail "$(cat stderr)"
want=
for s in USR1 INT USR2 WINCH HUP QUIT ALRM RTMIN TERM; do
	kill -$s $recorder
	want="$want${want:+ }SIG$s"
	sleep 0.1
done
status=0
wait $recorder || status=$?
# in a moment's pause the kernel hands them out by number
sorted() { tr ' ' '\n' | sort | xargs; }
[ $status = 7 ] && [ "$(tail -1 counted | sorted)" = "$(sorted <<<"$want")" ] || fail "sent from outside: status $status, $(tail -1 counted), not $want"

# from outside, to its whole group
cat >to_all.py <<'P'
"""Runs argv in a group of its own and sends that two signals, once it prints."""
import os, signal, sys, time
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.dup2(w, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
os.close(w)
out = os.read(r, 100)
for s in (signal.SIGUSR1, signal.SIGTERM):
    os.killpg(pid, s)
    time.sleep(0.1)
while data := os.read(r, 100):
    out += data
print(out.decode(), end="")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
expect 7 python3 to_all.py python3 counts.py
cp stdout natively
expect 7 python3 to_all.py "$DEJA" record -q -o all -- python3 counts.py
cmp -s natively stdout || fail "sent to its group from outside: $(cat stdout), natively $(cat natively)"

# a process left in the background signals the group; nohup's SIGHUP does not end the recording
cat >daemon.sh <<'S'
(trap '' TERM; while kill -0 $$ 2>/dev/null; do sleep 0.02; done; kill -TERM 0; sleep 0.5; echo background done) &
S
expect 0 python3 quiet.py "$DEJA" record -o left -- sh daemon.sh
grep -q 'background done' stdout && ! grep -q stopped stderr || fail "a background process ended the recording: $(cat stdout stderr)"
expect 0 "$DEJA" verify left
nohup "$DEJA" record -q -o nohup -- sh -c '(: >alone; until [ -e hung_up ]; do sleep 0.02; done; sleep 0.3; echo done) &' >stdout 2>stderr &
recorder=$!
until_true test -e alone || fail "nohup: nothing runs: $(cat stderr)"
kill -HUP $recorder
: >hung_up
wait $recorder || fail "nohup: status $?"
expect 0 "$DEJA" info --json nohup
python3 -c 'import json; assert json.load(open("stdout"))["complete"]' || fail "nohup: SIGHUP ended the recording"

# an alarm set by who executes deja; recording has begun when it comes
expect 142 perl -e 'alarm 4; exec @ARGV' "$DEJA" record -q -o alarm -- sleep 20
expect 142 "$DEJA" replay alarm

# ^Z: the shell sees its job stopped, and continues it; a program that refuses to stop goes on
cat >job.py <<'P'
import fcntl, glob, os, pty, signal, sys, termios, time
for path in glob.glob("continued.*"):
    os.unlink(path)
pid, fd = pty.fork()
if pid == 0: # the shell
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(sys.argv[2], sys.argv[2:])
    stops = 0
    while True:
        status = os.waitpid(job, os.WUNTRACED)[1]
        if not os.WIFSTOPPED(status):
            print("ended", os.waitstatus_to_exitcode(status), "stopped", stops)
            sys.stdout.flush()
            os._exit(0)
        stops += 1
        time.sleep(0.3)
        if sys.argv[1] == "late": # who records is continued when its command has ended
            with open("/proc/%d/task/%d/children" % (job, job)) as f:
                command = f.read().split()
            for pid in command:
                os.kill(int(pid), signal.SIGCONT)
            while any(open("/proc/%s/stat" % pid).read().split(") ")[1][0] != "Z" for pid in command):
                time.sleep(0.01)
        os.killpg(job, signal.SIGCONT)
        open("continued.%d" % stops, "w").close()
seen, pressed = b"", 0
while True:
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    seen += data
    if seen.count(b"READY") > pressed:
        pressed += 1
        os.write(fd, b"\x1a")
os.waitpid(pid, 0)
print(seen.decode().replace("\r", "").split("ended")[-1])
P
cat >stops.py <<'P'
import os, signal, sys, time
refuses = sys.argv[1] == "refuses"
if refuses:
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
if sys.argv[1] == "late":
    signal.signal(signal.SIGCONT, lambda *_: os._exit(3))
for i in range(2):
    print("READY", flush=True)
    if refuses:
        time.sleep(0.2)
    while not refuses and not os.path.exists("continued.%d" % (i + 1)):
        time.sleep(0.01)
sys.exit(3)
P
for kind in stops refuses late; do
	expect 0 python3 job.py $kind python3 stops.py $kind
	cp stdout natively
	expect 0 python3 job.py $kind "$DEJA" record -q -o "$kind" -- python3 stops.py $kind
	cmp -s natively stdout || fail "^Z, $kind: $(cat stdout), natively $(cat natively)"
	expect 3 "$DEJA" replay "$kind"
done
