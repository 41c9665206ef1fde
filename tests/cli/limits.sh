# --max-size and --max-time end the recording; the program goes on to its own end, the
# recording replays up to there, and says why it ends.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >lines.pl <<'P'
$| = 1;
for (1 .. 400) { print "line $_ ", rand, "\n"; select undef, undef, undef, $ARGV[0] if $_ % 4 == 0 }
exit 7;
P
cat >tree.sh <<'S'
worker() { for ((i = 0; i < 100; i++)); do echo "worker $1 $i $RANDOM"; [ $((i % 10)) != 0 ] || sleep 0.2; done; }
for w in 1 2 3; do worker $w & done
for ((i = 0; i < 20; i++)); do /bin/echo "main $i $RANDOM"; done
wait
exit 3
S

# ended REC CAUSE LINES: REC was just recorded, its output is ./stdout.
ended() {
	cp stdout recorded
	[ "$(wc -l <recorded)" = "$3" ] || fail "$1: the program was harmed: $(wc -l <recorded) of $3 lines"
	grep -q "^deja: recorded .*; recording ended by $2" stderr || fail "$1: not said: $(cat stderr)"
	expect 123 "$DEJA" replay "$1"
	one_line "replayed to its end, before the program's: recording ended by $2"
	cp stdout part
	[ "$(stat -c %s part)" -lt "$(stat -c %s recorded)" ] || fail "$1: the recording did not end"
	cmp -s -n "$(stat -c %s part)" part recorded || fail "$1: the replayed part is no prefix"
	expect 123 "$DEJA" verify "$1"
	grep -qE '^OK ([1-9][0-9]*)/\1 events$' stdout || fail "$1: verify says $(cat stdout)"
	expect 0 "$DEJA" info --json "$1"
	python3 - "$2" <<'P' || fail "$1: info --json: $(cat stdout)"
import json, sys
h = json.load(open("stdout"))
assert h["complete"] is False and h["cause"].startswith("recording ended by " + sys.argv[1]), h["cause"]
P
	echo "$1: $(wc -l <part) of $3 lines"
}

expect 7 "$DEJA" record -o time --max-time 2s -- perl lines.pl 0.04
ended time '--max-time 2s' 400
[ -s part ] || fail "nothing at all was recorded in two seconds"
expect 3 "$DEJA" record -o tree --max-time 900ms -- bash tree.sh
ended tree '--max-time 900ms' 320
# Less than the program's own files: its first image is recorded all the same.
expect 7 "$DEJA" record -o small --max-size 10K -- perl lines.pl 0.005
ended small '--max-size 10K' 400
head -c 3000000 /dev/urandom >noise
expect 0 "$DEJA" record -o size --max-size 9M -- perl -e '
	for (1 .. 20) { open my $f, "<", "noise"; while (sysread $f, my $b, 10000) { print unpack("%32C*", $b), "\n" } }'
ended size '--max-size 9M' 6000
len=$(du -sb size | cut -f1)
[ "$len" -gt 8000000 ] && [ "$len" -lt 12000000 ] || fail "--max-size 9M made $len bytes"

# 0 is no limit; a limit that is not reached is none.
expect 7 "$DEJA" record -q -o none --max-time 0 --max-size 0 -- perl lines.pl 0.0001
expect 7 "$DEJA" replay none
expect 7 "$DEJA" record -q -o far --max-time 1h --max-size 1T -- perl lines.pl 0.0001
expect 7 "$DEJA" replay far
for bad in "--max-time soon" "--max-time -1" "--max-size 5X" "--max-size K"; do
	# shellcheck disable=SC2086
	expect 125 "$DEJA" record -o bad $bad -- true
	one_line 'must be a'
	[ ! -e bad ] || fail "$bad left a directory"
done

# Signals reach the program after the end, too, and its status is reported.
"$DEJA" record -q -o signal --max-time 50ms -- sleep 20 &
recorder=$!
over() { "$DEJA" info --json signal 2>/dev/null | grep -q max-time; }
until_true over || fail "the recording does not end"
kill -TERM $recorder
got=0
quietly wait $recorder || got=$?
[ $got = 143 ] || fail "status $got after SIGTERM, not 143"

# A recording inside a recording is refused and leaves nothing.
expect 125 "$DEJA" record -q -o outer -- "$DEJA" record -o inner -- true
one_line 'itself being recorded'
[ ! -e inner ] || fail "the refused recording left a directory"
