# Digests instead of bytes (--outbound digest) are checked just as well.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

expect 0 "$DEJA" record -q --outbound digest -o digest -- "$CASES/random"
cp stdout recorded
expect 0 "$DEJA" replay digest
cmp -s stdout recorded || fail "--outbound digest: the replay prints something else"
n=$(tamper flip digest write)
diverges digest "$n"
