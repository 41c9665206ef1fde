# Altered recordings are replayed: no crash, no hang, nothing written beyond a buffer, always a status
# with a line (tests/hostile/run); all that ever failed, and some made now.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

export BUILD=${BUILD:-$ROOT/build}
"$TESTS/hostile/run" --count 60 --again "$TESTS/hostile/regress" 2>err || fail "hostile/run: $(tail -3 err)"
