# A recording whose lengths are beyond the program's own buffers: no byte is written there, and the
# replay ends with status 120 and says so. Every call of a victim that brings something in (tests/hostile/lengths).
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

export BUILD=${BUILD:-$ROOT/build}
"$TESTS/hostile/lengths" >log 2>&1 || fail "$(grep '^FAILED' log; tail -1 log)"
cat log
