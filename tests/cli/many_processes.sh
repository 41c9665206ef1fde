# Hundreds of processes: 200 alive at once, then more short ones than there are slots, as fast as
# they come. Every one has its stream, none is refused, and what they used is given back.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >many.py <<'P'
import os, sys
ALIVE, SHORT = 200, 500
gate = os.pipe()
alive = []
for i in range(ALIVE):
    pid = os.fork()
    if pid == 0:
        os.close(gate[1])
        os.read(gate[0], 1)  # until all are there and the parent lets go
        os._exit(i % 7)
    alive.append(pid)
os.close(gate[1])
total = sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in alive)
for i in range(SHORT):
    pid = os.fork()
    if pid == 0:
        os._exit(i % 5)
    total += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print("total", total)
P
expect 0 "$DEJA" record -o rec -- python3 many.py
grep -qx 'total 1594' stdout || fail "natively wrong: $(cat stdout)"
cp stdout recorded
grep -qE 'warning|not recorded' stderr && fail "$(cat stderr)"
expect 0 "$DEJA" info --json rec
python3 - <<'P' || fail "the processes are not what they should be: $(grep -E 'complete|processes' stdout)"
import json
h = json.load(open("stdout"))
assert h["processes"] == 701 and h["complete"], h
P
expect 0 "$DEJA" verify rec
grep -qE '^OK ([1-9][0-9]*)/\1 events$' stdout || fail "verify says $(cat stdout)"
