# A process that ended by itself, and whose end is not in its stream, though the header has its status and counts
# the events that are there: info, verify and replay say that the recording ends before it, and the replay
# does not end as if it had come there. One that was killed, or that executed what is not recorded, has no
# end there and is whole.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

# end_away REC STREAM: takes its last event away.
end_away() {
	python3 - "$TESTS" "$1" "$2" <<'P' || fail "the event cannot be taken away"
import sys
sys.path.insert(0, sys.argv[1])
from tamper import load, load_stream, store, store_stream
rec, stream = sys.argv[2], int(sys.argv[3])
header = load(rec + "/header")
p = next(p for p in header["processes"] if p["stream"] == stream)
path = "%s/p%d.zst" % (rec, stream)
events = load_stream(path)
del events[-1]
count, length = store_stream(path, events)
header["events"] += count - p["events"]
header["bytes"] += length - p["bytes"]
p["events"], p["bytes"], p["complete"] = count, length, False
store(rec + "/header", header)
P
}

expect 3 "$DEJA" record -q -o one -- sh -c 'echo here; exit 3'
end_away one 1
expect 123 "$DEJA" replay one
[ "$(cat stdout)" = here ] || fail "replayed: $(cat stdout)"
has_line "process [0-9]* is recorded up to event [0-9]* only: it ended with exit 3, and its end is not in its stream"
expect 123 "$DEJA" verify one
has_line "its end is not in its stream"
expect 0 "$DEJA" info one
grep -q 'process [0-9]* ended by itself, and its end is not in its stream' stdout || fail "info: $(cat stdout)"

expect 0 "$DEJA" record -q -o two -- sh -c '(echo child; exit 4); echo $?; exit 0'
end_away two 2
expect 123 "$DEJA" replay two
has_line "it ended with exit 4, and its end is not in its stream"

expect 137 "$DEJA" record -q -o killed -- sh -c 'sh -c "kill -9 \$\$"; kill -9 $$'
expect 137 "$DEJA" replay killed
! grep -q "its end is not" stderr || fail "killed: $(cat stderr)"
expect 0 "$DEJA" info killed
! grep -q "its end is not" stdout || fail "killed: $(cat stdout)"
