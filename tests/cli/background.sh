# A background process that outlives the command is recorded to its end, its late output
# replayed; with -q nothing is said about it.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

expect 4 "$DEJA" record -q -o rec -- sh -c '(sleep 0.3; echo late $(date +%N)) & echo early $$; exit 4'
[ ! -s stderr ] || fail "-q is not quiet: $(cat stderr)"
grep -q '^late' stdout || fail "the late line is missing: $(cat stdout)"
cp stdout recorded
expect 4 "$DEJA" replay rec
cmp -s stdout recorded || fail "another output: $(diff recorded stdout)"
expect 0 "$DEJA" verify rec
# A daemon with its own session, its output in a file.
expect 0 "$DEJA" record -q -o rec2 -- setsid -f sh -c 'sleep 0.2; date >ended'
wait_for ended 5
expect 0 "$DEJA" verify rec2
