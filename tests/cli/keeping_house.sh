# rm, mv, prune and trim: only recordings, none that is being made, nothing overwritten.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"
export DEJA_DIR=$PWD/all

mkdir all
for i in 1 2 3; do expect 0 "$DEJA" record -q -o "all/r$i" -- sh -c "echo $i; sleep 0.05; date"; done
mkdir all/not-one
echo x >all/not-one/file

# mv, rm
expect 0 "$DEJA" mv r1 first
[ -s all/first/header ] && [ ! -e all/r1 ] || fail "mv"
expect 125 "$DEJA" mv first r2
one_line 'exists already'
expect 121 "$DEJA" rm not-one
one_line 'not a recording'
[ -s all/not-one/file ] || fail "rm took what is no recording"
expect 121 "$DEJA" rm "$PWD"
expect 0 "$DEJA" rm first
[ ! -e all/first ] || fail "rm left it"
[ -z "$(find all -name '.removed*')" ] || fail "rm left its hidden name"

# One that is being made.
"$DEJA" record -q -o all/live -- sh -c 'echo on >on; sleep 20' &
recorder=$!
wait_for on
expect 121 "$DEJA" rm live
one_line 'still being recorded'
expect 0 "$DEJA" prune --max-total 0 --dry-run
grep -q 'would remove .*/r2' stdout && ! grep -q live stdout || fail "prune: $(cat stdout)"
# Nor when it has had nothing to write for long, or the clock was set forwards.
find all/live -exec touch -h -d '2 days ago' {} +
expect 121 "$DEJA" rm live
one_line 'still being recorded'
expect 0 "$DEJA" prune --older 1d --dry-run
! grep -q live stdout || fail "prune of an idle one: $(cat stdout)"
kill $recorder
wait $recorder 2>/dev/null
# nor one of --redact, which nobody can read meanwhile
"$DEJA" record -q --redact default -o sealed -- sh -c 'echo on >on2; sleep 20' 2>err &
recorder=$!
wait_for on2 || fail "$(cat err)"
find sealed -exec touch -h -d '2 days ago' {} +
expect 121 "$DEJA" rm ./sealed
one_line 'still being recorded'
kill $recorder
wait $recorder 2>/dev/null
[ -e all/r2 ] && [ -e all/r3 ] || fail "a dry run removed"

# prune: by age, by size, the oldest first.
expect 0 "$DEJA" prune --max-total 0 --dry-run --json
python3 - <<'P' || fail "prune --json: $(cat stdout)"
import json, os
r = json.load(open("stdout"))
assert r["dry_run"] is True and len(r["removed"]) == r["recordings"] == 3, r
assert r["disk_bytes"] == sum(x["disk_bytes"] for x in r["removed"]), r
assert [os.path.basename(x["path"]) for x in r["removed"]][:2] == ["r2", "r3"], r
assert all(os.path.isdir(x["path"]) for x in r["removed"]), r
P
expect 0 "$DEJA" prune --older 1d
grep -q '^0 of ' stdout || fail "prune --older: $(cat stdout)"
size=$(($(du -sb all/r3 | cut -f1) + $(du -sb all/live | cut -f1) + 4000))
expect 0 "$DEJA" prune --json --max-total $size
python3 -c 'import json; r = json.load(open("stdout")); assert len(r["removed"]) == 1 and r["dry_run"] is False, r' ||
	fail "prune --json: $(cat stdout)"
[ ! -e all/r2 ] && [ -e all/r3 ] || fail "prune took another: $(cat stdout)"
expect 125 "$DEJA" prune
one_line '--older'
expect 125 "$DEJA" prune --older soon
expect 0 "$DEJA" verify r3

# trim: a shorter one replays up to its end, a thinner one can be read.
expect 0 "$DEJA" trim --until '#40' -o short r3
expect 123 "$DEJA" verify short
part=$(sed -n 's,^OK \([0-9]*\)/.*,\1,p' stdout)
expect 0 "$DEJA" verify r3
[ "$part" -ge 40 ] && [ "$part" -lt "$(sed -n 's,^OK \([0-9]*\)/.*,\1,p' stdout)" ] || fail "trim --until kept $part events"
expect 0 "$DEJA" trim --class file -o files r3
expect 0 "$DEJA" cat files
grep -q openat stdout && ! grep -q 'mprotect(' stdout || fail "trim --class: $(cat stdout)"
mv stdout thin
expect 0 "$DEJA" cat --call openat r3
grep -o '^[^ ]* [0-9]* openat([^)]*)' stdout >times
grep -o '^[^ ]* [0-9]* openat([^)]*)' thin >times.thin
cmp times times.thin || fail "trim moved events in time: $(diff times times.thin | head -4)"
expect 122 "$DEJA" replay files
one_line 'trimmed to be read'
expect 0 "$DEJA" info files
grep -q '^Trimmed  *to be read, not replayed: ' stdout || fail "info does not say that it was trimmed"
expect 0 "$DEJA" trim --json --until '#40' -o short2 r3
mv stdout short.json
expect 0 "$DEJA" trim --json --class file -o files2 r3
python3 - "$part" <<'P' || fail "trim --json: $(cat short.json stdout)"
import json, sys
short, files = json.load(open("short.json")), json.load(open("stdout"))
assert short["path"] == "short2" and short["replays"] is True and short["trimmed"] is None, short
assert short["complete"] is False and short["cause"] and short["events"] >= int(sys.argv[1]), short
assert files["path"] == "files2" and files["replays"] is False and " events were kept" in files["trimmed"], files
P
expect 125 "$DEJA" trim --call reboot -o nothing r3
one_line 'no event of it is selected'
[ ! -e nothing ] || fail "an empty part was written"
expect 125 "$DEJA" trim --until 1s -o short r3
one_line 'exists already'
expect 125 "$DEJA" trim -o other r3
expect 0 "$DEJA" verify r3

# A packed recording: its annotations go with it; what is inside counts until there are some beside it.
limit "$DEJA" record -q -o "$PWD/inner" -- true || fail "recording"
expect 0 "$DEJA" annotate --label inner inner
expect 0 "$DEJA" pack -o one.deja inner
expect 0 "$DEJA" annotate one.deja
grep -q 'note 1, label: inner' stdout || fail "annotations in a packed file are not shown: $(cat stdout)"
expect 0 "$DEJA" annotate --label outer one.deja
expect 0 "$DEJA" annotate one.deja
grep -q 'note 1, label: inner' stdout && grep -q 'note 2, label: outer' stdout || fail "annotations of a packed file: $(cat stdout)"
sum=$(sha256sum <one.deja)
expect 0 "$DEJA" mv one.deja two.deja
[ ! -e one.deja ] && [ ! -e one.deja.annotations ] && [ "$(sha256sum <two.deja)" = "$sum" ] || fail "mv of a packed file: $(ls)"
expect 0 "$DEJA" annotate two.deja
expect 0 "$DEJA" info two.deja
grep -q "^Recording  *$PWD/two.deja$" stdout || fail "info of a packed file: $(head -1 stdout)"
expect 0 "$DEJA" annotate two.deja
[ "$(wc -l <stdout)" = 2 ] || fail "annotations after mv: $(cat stdout)"
cp two.deja three.deja
expect 125 "$DEJA" mv three.deja two.deja
one_line 'exists already'
echo 'no recording' >other.deja
zstd -q -o other.zst other.deja
for file in other.deja other.zst; do
	expect 121 "$DEJA" rm "$PWD/$file"
	[ -e $file ] || fail "rm took what is no recording"
done
expect 0 "$DEJA" rm two.deja "$PWD/three.deja"
[ ! -e two.deja ] && [ ! -e two.deja.annotations ] && [ ! -e three.deja ] || fail "rm of packed files: $(ls)"
