# A thread that goes from one processor to the next, to ask each who it is, is told of when it is
# recorded: CPUID is asked of the processor in a replay. One that stays where it was put is not.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "there is one processor only"
cat >go.py <<'P'
import os, sys
there = sorted(os.sched_getaffinity(0))
for n in sys.argv[1:]:
    os.sched_setaffinity(0, {there[int(n)]})
print(os.getpid(), there)
P
limit "$DEJA" record -o moves -- python3 go.py 0 1 0 1 >out 2>err || fail "recording: $(cat err)"
[ "$(grep -c 'goes from processor to processor' err)" = 1 ] || fail "not told once: $(cat err)"
expect 0 "$DEJA" info moves
grep -q 'CPUID is not recorded' stdout || fail "info does not tell: $(cat stdout)"
expect 0 "$DEJA" replay moves
cmp -s stdout out || fail "another output: $(diff out stdout)"
limit "$DEJA" record -o stays -- python3 go.py 1 1 >out 2>err || fail "recording: $(cat err)"
! grep -q "goes from processor" err || fail "told without need: $(cat err)"
exit 0
