# A program that is executed again and again without being recorded is named in one warning, and
# the recording counts how often that was: of one that ended before the recorder came up, and of one
# that cannot be preloaded. Of many different ones the first are named, and the others counted.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

echo 'int gone(void) { return 0; }' >gone.c
echo 'int gone(void); int main(void) { return gone(); }' >p.c
gcc -shared -fPIC -o libgone.so gone.c && gcc -o broken p.c -L. -lgone && gcc -static -o static p.c gone.c ||
	fail "cannot be built"
rm libgone.so
cp broken broken2
expect 0 "$DEJA" record -o rec -- sh -c 'for i in 1 2 3 4 5; do ./broken; ./static; done 2>/dev/null; ./broken2 2>/dev/null; exit 0'
[ "$(grep -c '^deja: warning: .*broken, executed by process [0-9]* and 4 times more, is not recorded' stderr)" = 1 ] ||
	fail "five lost programs: $(cat stderr)"
[ "$(grep -c '^deja: warning: .*broken2, executed by process [0-9]*, is not recorded' stderr)" = 1 ] ||
	fail "one lost program: $(cat stderr)"
[ "$(grep -c '^deja: warning: .*static is not recorded itself' stderr)" = 1 ] || fail "static: $(cat stderr)"
[ "$(grep -c '^deja: warning: ' stderr)" = 3 ] || fail "other warnings: $(cat stderr)"
expect 0 "$DEJA" info --json rec
python3 - <<'P' || fail "info: $(cat stdout)"
import json
info = json.load(open("stdout"))
assert len(info["warnings"]) == 3
assert sum("static" in e["path"] for e in info["externals"]) == 5
P
expect 0 "$DEJA" replay rec

# shellcheck disable=SC2016
expect 0 "$DEJA" record -o many -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	cp static static$i; ./static$i; cp broken broken$i; ./broken$i 2>/dev/null; done; ./static1; ./static12; exit 0'
[ "$(grep -c '^deja: warning: .*static[0-9]* is not recorded itself' stderr)" = 8 ] || fail "twelve static: $(cat stderr)"
has_line '^deja: warning: 5 executions of other programs are not recorded themselves either'
[ "$(grep -c '^deja: warning: .*broken[0-9]*, executed by process [0-9]*, is not recorded' stderr)" = 8 ] ||
	fail "twelve lost programs: $(cat stderr)"
has_line '^deja: warning: 4 executions of other programs are not recorded: they ended before'
expect 0 "$DEJA" info --json many
python3 -c 'import json; assert len(json.load(open("stdout"))["externals"]) == 14' || fail "info: $(cat stdout)"
