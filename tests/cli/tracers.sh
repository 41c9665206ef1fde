# A program that traces a recorded one is told of when it is recorded: a replay does not do what it did
# there. One that traces its own memory's maker, as LeakSanitizer does, is not.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v strace >/dev/null || skip "strace is not installed"
strace -o /dev/null /bin/true 2>/dev/null || skip "tracing is not permitted"
limit "$DEJA" record -o rec -- strace -f -o trace sh -c 'date +%N; echo $$' >out 2>err || fail "recording: $(cat err)"
[ "$(grep -c 'it traces a recorded program' err)" = 1 ] || fail "not told once: $(cat err)"
expect 0 "$DEJA" info rec
grep -q 'it traces a recorded program' stdout || fail "info does not tell: $(cat stdout)"
rm trace
expect 0 "$DEJA" replay rec
cmp -s stdout out || fail "another output: $(diff out stdout)"
[ ! -e trace ] || fail "the replay wrote a file"

limit "$DEJA" record -o rec2 -- "$CASES/thread_traced" >out 2>err || fail "recording: $(cat err)"
! grep -q 'it traces' err || fail "told without need: $(cat err)"
exit 0
