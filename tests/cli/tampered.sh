# A recording altered in one place diverges at that event, with status 120 and a report; the
# program's output up to there is shown, nothing after it.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

expect 0 "$DEJA" record -q -o good -- "$CASES/random"
cp stdout recorded
expect 0 "$DEJA" verify good
copy() { rm -rf "$1" && cp -a good "$1"; }

copy plain
tamper count plain >count
expect 0 "$DEJA" verify plain
grep -qx "OK .*/.* events" stdout || fail "verify: $(cat stdout)"

copy outbound
diverges outbound "$(tamper flip outbound write)"
[ ! -s stdout ] || [ "$(cat stdout)" != "$(cat recorded)" ] || fail "the altered output was printed"

copy missing
diverges missing "$(tamper drop missing getrandom 2)"
