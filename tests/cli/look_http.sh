# A recorded HTTP server with 200 requests on 50 connections: tshark, `cat --anchors`, stat, at,
# extract and the exports agree with the client's log, with brute force and with each other.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v tshark >/dev/null || skip "tshark is not installed"
LOOK=$TESTS/look
check() { limit /usr/bin/python3 "$LOOK/check.py" "$@" >checked 2>&1 || fail "check.py $*: $(tail -3 checked)"; cat checked; }
export DEJA
mkdir log
background "$DEJA" record -q -o rec -- /usr/bin/python3 "$LOOK/http_server.py" "$PWD/port" 200
wait_for port || fail "the server did not start"
limit /usr/bin/python3 "$LOOK/http_client.py" "$(cat port)" 200 log || fail "the client"
wait "${BACKGROUND[0]}" || fail "recording the server"
BACKGROUND=()
check streams rec log
check requests rec log
check stat rec
check at rec
check perfetto rec
check csv rec
if /usr/bin/python3 -c 'import h5py' 2>/dev/null; then check columns rec; fi

# One connection, by its peer and by its id: the same events.
id=$("$DEJA" streams --json rec | /usr/bin/python3 -c '
import json, sys
s = [s for s in json.load(sys.stdin) if s["accepted"]][7]
print(s["id"], s["peer"])')
"$DEJA" cat --io "${id% *}" --class net rec >by_id
"$DEJA" cat --peer "${id#* }" --class net rec >by_peer
[ "$(wc -l <by_id)" -ge 9 ] || fail "--io shows too little: $(cat by_id)"
cmp by_id by_peer || fail "--io and --peer differ"
# What went in is found, with the event that a look at that event confirms.
expect 0 "$DEJA" grep --json --in 'GET /item/77 ' rec
event=$(/usr/bin/python3 -c '
import json
lines = [json.loads(l) for l in open("stdout")]
assert len(lines) == 1, lines
print("#%d" % lines[0]["event"])') || fail "grep: $(cat stdout)"
expect 0 "$DEJA" cat --jsonl --range "$event" rec
grep -q 'GET /item/77 ' stdout || fail "event $event does not hold what grep found there"
# Across calls: the head and the body of an answer are two writes.
expect 0 "$DEJA" grep -c --out 'Content-Length: \d+\r\n\r\npage /item/77' rec
[ "$(cat stdout)" = 1 ] || fail "a match across calls is not found"
expect 1 "$DEJA" grep --out 'GET /item/77 ' rec
# A recording beside itself is alike, a run with fewer requests is not.
expect 0 "$DEJA" stat --json --compare rec rec
/usr/bin/python3 -c '
import json
d = json.load(open("stdout"))
assert d["alike"] > 1000 and not d["only_first"] and not d["only_second"], d
assert d["first_difference"] is None' || fail "a recording differs from itself"
# Whoever reads only the beginning hears no complaint.
for format in pcap jsonl csv perfetto; do
	"$DEJA" export --format $format rec 2>complaint | head -c 100 >/dev/null
	[ "${PIPESTATUS[0]}" = 0 ] && [ ! -s complaint ] || fail "export --format $format in a pipe: $(cat complaint)"
done
