# info, ps, cat of a real recording: plain text, and JSON that parses, with every event; the
# second decoder agrees with the header.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

expect 3 "$DEJA" record -q -o rec -- sh -c 'echo hello $$; (date +%N; exit 2) & wait; printf "\000\377bytes\n"; exit 3'
python3 "$TESTS/decode.py" rec >decoded || fail "decode.py: $(cat decoded)"
expect 0 "$DEJA" info rec
expect 0 "$DEJA" info --json rec
cp stdout info.json
expect 0 "$DEJA" cat rec
grep -q 'write(1.*hello' stdout || fail "cat does not show the write"
expect 0 "$DEJA" cat --jsonl rec
cp stdout cat.jsonl
expect 0 "$DEJA" ps rec
grep -q date stdout && grep -q 'sh' stdout || fail "ps: $(cat stdout)"
python3 - <<'P' || fail "JSON"
import json, re
info = json.load(open("info.json"))
events = [json.loads(line) for line in open("cat.jsonl")]
assert info["events"] == len(events), (info["events"], len(events))
total = sum(int(m) for m in re.findall(r"^p\d+ events=(\d+)", open("decoded").read(), re.M))
assert info["events"] == total, (info["events"], total)
assert info["complete"] is True
assert len({e["pid"] for e in events if "pid" in e}) >= 3
print(len(events), "events")
P
expect 0 "$DEJA" cat --call write rec
n=$(wc -l <stdout)
[ "$n" -ge 3 ] && ! grep -qv 'write(' stdout || fail "--call write shows other lines"
expect 0 "$DEJA" info --coverage rec
# A reader that stops early is no error of ours.
got=0
"$DEJA" cat rec 2>err | head -1 >/dev/null || got=$?
[ ! -s err ] || fail "a closed pipe is reported: $(cat err)"
