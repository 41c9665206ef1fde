# SIGKILL of the program in the middle: no completed event is lost.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >forever.pl <<'P'
$| = 1; my $i = 0;
while (! -e "hold") { print "line ", $i++, " ", rand, "\n"; select undef, undef, undef, 0.002; }
mkdir "held"; sleep 60; exit 5;
P
"$DEJA" record -q -o program -- perl forever.pl >out 2>err </dev/null &
recorder=$!
wait_for out || fail "no output"
sleep 0.3
perl=$(pgrep -P $recorder perl) || fail "perl is not a child of deja record"
# what it wrote last is in its ring alone; it is not killed in the middle of a write, which is no event yet
kill -STOP $recorder
wait_lines out 50 || fail "no output while the recorder is stopped"
: >hold
until_true test -d held || fail "it does not come to its end"
kill -KILL "$perl"
kill -CONT $recorder
got=0
quietly wait $recorder || got=$?
[ $got = 137 ] || fail "status $got after SIGKILL of the program, not 137: $(cat err)"
got=0
quiet_limit "$DEJA" replay program >out2 2>err2 </dev/null || got=$?
[ $got = 137 ] || fail "replay gave $got, not 137: $(head -1 err2)"
cmp -s out out2 || fail "output was lost: $(wc -l <out) lines recorded, $(wc -l <out2) replayed"
