# Bytes that the kernel moves by itself, from a file to a socket or a pipe: they are in the recording
# all the same, in their streams, in the capture, in what a search and a scan see; with digests they
# are missing and that is said.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >server.py <<'PY'
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
open("port.new", "w").write(str(server.getsockname()[1]))
os.rename("port.new", "port")
for i in range(3):
    conn, _ = server.accept()
    name = conn.recv(1000).decode().split()[1].lstrip("/")
    with open(name, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)
        if i == 0:
            conn.sendfile(f)
        elif i == 1:  # at the file's own position, in odd pieces
            while os.sendfile(conn.fileno(), f.fileno(), None, 7777):
                pass
        else:  # by a pipe, whose bytes came from the file
            r, w = os.pipe()
            left = size
            while left:
                n = os.splice(f.fileno(), w, min(left, 50000))
                left -= n
                while n:
                    n -= conn.send(os.read(r, n))
    conn.close()
PY
python3 - <<'PY'
import random
pick = random.Random(1)
open("page", "w").write("<html>" + "".join(pick.choice("abcdefgh \n") for _ in range(300000)) + "\npassword=hunter2hunter\n</html>")
PY
get() { # into: all that comes
	python3 - "$(cat port)" "$1" <<'PY'
import socket, sys
conn = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
conn.sendall(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
with open(sys.argv[2], "wb") as out:
    while data := conn.recv(65536):
        out.write(data)
PY
}
serve() { # recording, options
	rm -f port
	background "$DEJA" record -q "${@:2}" -o "$1" -- /usr/bin/python3 server.py
	wait_for port || fail "the server did not start"
	for i in 1 2 3; do get "got$i"; done
	wait "${BACKGROUND[0]}" || fail "recording the server"
	BACKGROUND=()
}
serve rec
expect 0 "$DEJA" verify rec
"$DEJA" streams --json rec | python3 -c '
import json, sys
print(*[s["id"] for s in json.load(sys.stdin) if s["accepted"]])' >ids
read -r -a ids <ids
[ "${#ids[@]}" = 3 ] || fail "connections: $(cat ids)"
for i in 1 2 3; do
	rm -f out
	expect 0 "$DEJA" extract --stream "${ids[i - 1]}:out" -o out rec
	cmp out "got$i" || fail "connection $i: extract gives other bytes than the client got"
done
# The file, as it was sent, from the pipe's stream.
"$DEJA" streams --json rec | python3 -c '
import json, sys
streams = json.load(sys.stdin)
page = [s for s in streams if (s["path"] or "").endswith("/page")]
assert [s["in_bytes"] for s in page] == [300037] * 3, page' || fail "bytes of the file: $("$DEJA" streams rec)"
expect 0 "$DEJA" grep --json -F 'password=hunter2hunter' rec
python3 -c '
import json
lines = [json.loads(l) for l in open("stdout")]
assert sum(l["dir"] == "out" and l["what"].startswith("tcp") for l in lines) == 3, lines' || fail "grep: $(cat stdout)"
expect 0 "$DEJA" cat --call sendfile rec
grep -q '+++ sendfile moves 65536 bytes from' stdout && grep -q 'sendfile(.*) = ' stdout || fail "cat: $(head -3 stdout)"
# Counted once, as the calls say.
expect 0 "$DEJA" stat --json rec
python3 - "$DEJA" <<'PY' || fail "stat: $(cat stdout)"
import json, subprocess, sys
calls = {c["key"]: c for c in json.load(open("stdout"))["rows"]}
events = [json.loads(l) for l in subprocess.check_output([sys.argv[1], "cat", "--jsonl", "rec"]).splitlines()]
for name in "sendfile", "splice":
    moved = sum(e["result"] for e in events if e.get("call") == name and e["result"] > 0)
    assert moved >= 300037, moved
    assert calls[name]["in_bytes"] == calls[name]["out_bytes"] == moved, (name, moved, calls[name])
PY
expect 0 "$DEJA" export --format pcap -o rec.pcap rec
[ ! -s stderr ] || fail "pcap: $(cat stderr)"
# Redacted in the file's bytes, the same in all of them; the copy replays.
expect 1 "$DEJA" scan rec
grep -q 'password' stdout || fail "scan: $(cat stdout)"
expect 0 "$DEJA" redact -o safe rec
expect 0 "$DEJA" scan safe
expect 0 "$DEJA" verify safe
for i in 1 2 3; do
	rm -f out
	expect 0 "$DEJA" extract --stream "${ids[i - 1]}:out" -o out safe
	! grep -q hunter2hunter out || fail "connection $i of the redacted copy has the secret"
	grep -q '^HTTP/1.1 200' out && [ "$(wc -c <out)" = "$(wc -c <"got$i")" ] || fail "connection $i of the redacted copy"
	tail -c 40 out >"tail$i"
done
cmp tail1 tail2 && cmp tail1 tail3 || fail "one secret, several tokens"

# Without payloads they are not there, which is said.
serve digest --outbound digest
expect 0 "$DEJA" verify digest
expect 125 "$DEJA" extract --stream "$("$DEJA" streams --json digest | python3 -c '
import json, sys
print([s["id"] for s in json.load(sys.stdin) if s["accepted"]][0])'):out" -o none digest
one_line 'bytes of stream .* are not in the recording'
# cat and cp between files are as they were: nothing is stored of what stays in files.
limit "$DEJA" record -q -o copy -- cp page page2 || fail "cp"
! "$DEJA" cat --jsonl copy | grep -q '"kind":"moved"' || fail "what cp copies is stored"
stop_background
