# A replay at a human pace: as long as it took, half as long, up to a moment, from request to
# request.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

now_ms() { echo $(($(date +%s%N) / 1000000)); }

expect 0 "$DEJA" record -q -o slow -- sh -c 'echo a; sleep 0.7; echo b; sleep 0.7; echo c'
expect 0 "$DEJA" info --json slow
took=$(python3 -c 'import json, sys; print(json.load(open("stdout"))["duration_ns"] // 1000000)')
[ "$took" -ge 1400 ] || fail "recorded in $took ms"
# Never sooner; how much later depends on the machine's other work: the best of some counts, beside
# what a replay without a pace takes here.
unpaced=1000000
for _ in 1 2 3 4 5; do
	begin=$(now_ms)
	expect 0 "$DEJA" replay slow
	spent=$(($(now_ms) - begin))
	[ "$spent" -ge "$unpaced" ] || unpaced=$spent
done
[ "$unpaced" -lt 700 ] || fail "without a pace it takes $unpaced ms"
for pace in 1 0.5; do
	best=1000000
	for _ in 1 2 3 4 5; do
		begin=$(now_ms)
		expect 0 "$DEJA" replay --pace $pace slow
		spent=$(($(now_ms) - begin))
		[ "$spent" -lt "$best" ] && best=$spent
		[ "$(tr '\n' ' ' <stdout)" = 'a b c ' ] || fail "another output"
	done
	wanted=$(python3 -c "print(int($took * $pace))")
	[ "$best" -ge $((wanted - wanted / 50)) ] || fail "--pace $pace: $best ms, sooner than $wanted"
	[ "$best" -le $((wanted + wanted / 20 + 50 + unpaced)) ] || fail "--pace $pace: $best ms, later than $wanted"
done
at=$("$DEJA" cat --call write slow | awk "/\"b/ { print \$1 + 0.02 }")
best=1000000
for _ in 1 2 3 4 5; do
	begin=$(now_ms)
	expect 0 "$DEJA" replay --until "${at}s" slow
	spent=$(($(now_ms) - begin))
	[ "$spent" -ge "$best" ] || best=$spent
	[ "$(tr '\n' ' ' <stdout)" = 'a b ' ] || fail "--until: $(cat stdout)"
	grep -q "stopped at ${at}s" stderr || fail "--until does not say so"
done
[ "$best" -lt 700 ] || fail "--until takes its time: $best ms"
expect 125 "$DEJA" replay --pace fast slow
one_line 'is no number'
expect 125 "$DEJA" replay --until '#100000' slow
one_line '--until'

# What cannot be as fast as it is told says so.
expect 0 "$DEJA" record -q -o quick -- sh -c 'i=0; while [ $i -lt 60 ]; do /bin/true; i=$((i + 1)); done; echo done'
expect 0 "$DEJA" replay --pace 0.01 quick
[ "$(cat stdout)" = 'done' ] && one_line 'deja: it took .* where --pace 0.01 asks for '

# One stop for each request.
cat >server.py <<'PY'
import socket, sys
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
open("port.new", "w").write(str(server.getsockname()[1]))
__import__("os").rename("port.new", "port")
for i in range(3):
    conn, _ = server.accept()
    for k in range(2):
        data = conn.recv(100)
        conn.sendall(b"answer to " + data)
        print("served", data.decode().strip(), flush=True)
    conn.close()
PY
timeout 60 "$DEJA" record -q -o served -- python3 server.py >live &
wait_for port
python3 - "$(cat port)" <<'PY'
import socket, sys
for i in range(3):
    conn = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for k in range(2):
        conn.sendall(b"request %d.%d\n" % (i, k))
        conn.recv(100)
PY
wait
rm server.py port
status=0
printf '\n\n\n\n\n\n' | limit "$DEJA" replay --turns served >both 2>&1 || status=$?
[ $status = 0 ] || fail "--turns: status $status: $(cat both)"
grep -v '^paused' both | cmp - live || fail "another output with --turns"
for i in 1 2 3 4 5 6; do
	k=$(((i - 1) / 2)).$(((i - 1) % 2))
	sed -n "$((2 * i - 1))p" both | grep -q "^paused: turn $i/6 .*: request $k\$" || fail "no stop before request $i: $(cat both)"
	[ "$(sed -n "$((2 * i))p" both)" = "served request $k" ] || fail "request $i is not served behind its stop: $(cat both)"
done
# Nobody there to ask: it goes on.
expect 0 "$DEJA" replay --turns served </dev/null
[ "$(grep -c paused stderr)" = 1 ] || fail "it asks nobody"

# The same under gdb: a request more at each `continue`; a moment; the recorded time.
if command -v gdb >/dev/null; then
	limit "$DEJA" gdb --turns served -batch -ex 'deja run-to 1' -ex continue -ex 'deja when' -ex continue -ex continue -ex continue \
		-ex continue -ex continue -ex continue >both 2>&1 </dev/null
	for i in 1 2 3 4 5 6; do grep -q "^paused: turn $i/6 .*: request" both || fail "gdb: no pause before request $i: $(cat both)"; done
	[ "$(grep -c '^paused' both)" = 6 ] || fail "gdb pauses more often: $(cat both)"
	awk '/^paused/ { n++ } /^served/ { if (n != ++k) exit 1 }' both || fail "gdb: a request is served before its pause: $(cat both)"
	number=$(sed -n 's/^paused: turn 1.*event p1#\([0-9]*\).*/\1/p' both)
	grep -q "^event $((number - 1)) of " both || fail "gdb does not stand before the request: $(cat both)"
	limit "$DEJA" gdb --until "${at}s" slow -batch -ex 'deja run-to 1' -ex continue -ex 'deja when' >both 2>&1 </dev/null
	grep -q "^paused: --until ${at}s" both || fail "gdb --until: $(cat both)"
	[ "$(grep -cx '[a-z]' both)" = 2 ] || fail "gdb --until: another moment: $(cat both)"
	begin=$(now_ms)
	limit "$DEJA" gdb --pace 1 slow -batch -ex continue >both 2>&1 </dev/null
	took=$(($(now_ms) - begin))
	[ $took -ge 950 ] || fail "gdb --pace 1 took $took ms: $(cat both)"
	expect 125 "$DEJA" gdb --pace x slow
	one_line '--pace x'
	expect 125 "$DEJA" gdb --until 99s slow
	one_line 'nothing after that'
	# At a prompt a step returns before it is done; it comes out of deja's code all the same.
	python3 - "$DEJA" <<'PY' >both 2>&1 || fail "a step at gdb's prompt: $(cat both)"
import os, pty, re, select, subprocess, sys, time
ours, theirs = pty.openpty()
gdb = subprocess.Popen([sys.argv[1], "gdb", "-g", "1", "slow", "-nx", "-ex", "set style enabled off"], stdin=theirs, stdout=theirs, stderr=theirs)
said = b""
def until(count):
    global said
    end = time.time() + 30
    while said.count(b"(gdb) ") < count and time.time() < end:
        if select.select([ours], [], [], 0.1)[0]:
            said += os.read(ours, 65536)
until(1)
for i, command in enumerate([b"stepi", b"nexti", b"stepi"]):
    os.write(ours, command + b"\n")
    until(i + 2)
    time.sleep(0.3)
os.write(ours, b"quit\n")
gdb.wait(20)
assert b"Traceback" not in said and b"is running" not in said, said.decode(errors="replace")
PY
fi
