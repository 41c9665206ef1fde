# A child is killed between its output and the event that tells of it: nobody waits for ever for
# that output in a replay; what the others printed is printed. Made by taking that event away.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >kid.pl <<'P'
$| = 1; print "kid $_ ", rand, "\n" for 1 .. 3; kill 9, $$; sleep 9;
P
expect 3 "$DEJA" record -q -o rec -- sh -c 'perl kid.pl; echo after $$; exit 3'
[ "$(wc -l <stdout)" = 4 ] || fail "recorded: $(cat stdout)"
cp stdout recorded
python3 - "$TESTS" rec <<'P' || fail "the event cannot be taken away"
import os, sys
sys.path.insert(0, sys.argv[1])
from tamper import load, load_stream, store, store_stream
OUTPUT = 6
rec = sys.argv[2]
header = load(rec + "/header")
for p in header["processes"]:
    path = "%s/p%d.zst" % (rec, p["stream"])
    events = load_stream(path)
    if p["stream"] > 1 and sum(e[0] == OUTPUT for e in events) == 3:
        break
else:
    sys.exit("no stream with three outputs: %s" % [e[0] for e in events])
last = max(i for i, e in enumerate(events) if e[0] == OUTPUT)
del events[last:]
count, length = store_stream(path, events)
header["events"] += count - p["events"]
header["bytes"] += length - p["bytes"]
p["events"], p["bytes"] = count, length
store(rec + "/header", header)
P
grep -v 'kid 3' recorded >wanted
DEJA_WATCHDOG=5 expect 3 "$DEJA" replay rec
cmp -s stdout wanted || fail "replayed: $(cat stdout)"
