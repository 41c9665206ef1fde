# `deja recover` after the recorder was killed: every completed event is there, also those that
# only shared memory held; the program is unharmed; nothing is left in /dev/shm.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"
own_shm

cat >lines.pl <<'P'
$| = 1; my $i = 0;
while (1) { print "line ", $i++, " ", rand, "\n"; last if -e "stop"; select undef, undef, undef, 0.002; }
open my $f, ">", "ended"; print $f "$i\n"; exit 5;
P
cat >tree.sh <<'S'
worker() { i=0; while :; do echo "worker $1 $i $RANDOM"; i=$((i + 1)); [ $((i % 10)) != 0 ] || sleep 0.01; done; }
for w in 1 2 3; do worker $w & done
while :; do echo main; sleep 0.02; done
S

# begin REC CMD...: records in the background; RECORDER, its session in SESSION.
begin() {
	local rec=$1
	shift
	rm -f out
	"$DEJA" record -q -o "$rec" -- "$@" >out 2>err </dev/null &
	RECORDER=$!
	wait_for out || fail "$rec: no output: $(cat err)"
	SESSION=$(readlink "$rec/.session") || fail "$rec: the recording does not name its session"
	sleep 0.3
}

# SIGKILL for the recorder and everything it started, parents first: nobody sees another's end.
kill_all() {
	local pid pids i
	pids="$RECORDER $(descendants $RECORDER)"
	touch "$SESSION" # lest another test's deja sweeps it
	# shellcheck disable=SC2086
	kill -KILL $pids
	quietly wait $RECORDER
	for pid in $pids; do
		for ((i = 0; i < 200; i++)); do
			grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$pid/status" || break
			sleep 0.01
		done
	done
}

# as_far REC LOST: what REC replays is a prefix of ./out, at most LOST lines shorter.
as_far() {
	got=0
	limit "$DEJA" replay "$1" >out2 2>err2 </dev/null || got=$?
	[ $got = 123 ] || fail "$1: replay gave $got: $(cat err2)"
	cmp -s -n "$(stat -c %s out2)" out out2 || fail "$1: the replayed part is no prefix"
	[ $(($(wc -l <out) - $(wc -l <out2))) -le "$2" ] || fail "$1: output was lost: $(wc -l <out) lines, $(wc -l <out2) replayed"
	echo "$1: replayed $(wc -l <out2) of $(wc -l <out) lines"
}

# Everything at once. What the last write did may be no event yet.
begin everything perl lines.pl
kill -STOP $RECORDER # else there may be nothing in memory just now
wait_lines out 5 || fail "everything: no more output"
kill_all
expect 0 "$DEJA" recover everything
grep -q '^recovered .*: [1-9][0-9]* events in 1 process, [1-9][0-9]* of them from shared memory' stdout || fail "recover says $(cat stdout)"
[ ! -e "$SESSION" ] || fail "$SESSION is left"
as_far everything 1
grep -q 'recorder was killed' err2 || fail "the cause is not said: $(cat err2)"
expect 0 "$DEJA" info everything
grep -q '^Complete *no: the recorder was killed' stdout || fail "info: $(grep Complete stdout)"
expect 0 "$DEJA" recover everything
one_line 'nothing to recover'
expect 123 "$DEJA" verify everything
grep -qE '^OK ([1-9][0-9]*)/\1 events' stdout || fail "verify says $(cat stdout)"

# A tree: three workers write at once.
begin tree bash tree.sh
kill -STOP $RECORDER
wait_lines out 20 || fail "tree: no more output"
kill_all
expect 0 "$DEJA" recover --json tree
python3 - <<'P' || fail "recover --json: $(cat stdout)"
import json
r = json.load(open("stdout"))
assert r["processes"] >= 4 and r["events_from_memory"] > 0 and r["complete"] is False, r
P
got=0
limit "$DEJA" replay tree >out2 2>err2 </dev/null || got=$?
[ $got = 123 ] || fail "tree: replay gave $got: $(cat err2)"
for who in main "worker 1" "worker 2" "worker 3"; do
	grep "^$who" out >mine
	grep "^$who" out2 >theirs
	cmp -s -n "$(stat -c %s theirs)" mine theirs || fail "tree: $who: no prefix"
	[ $(($(wc -l <mine) - $(wc -l <theirs))) -le 1 ] || fail "tree: $who: $(wc -l <mine) lines, $(wc -l <theirs) replayed"
done

# One that writes faster than its frames are, into a ring that nobody drains any more.
begin busy perl -e 'open my $f, "<", "/dev/zero"; $| = 1; print "on\n"; while (1) { sysread $f, my $b, 20000 }'
kill -STOP $RECORDER
sleep 0.3
kill_all
expect 0 "$DEJA" recover busy
! grep -q 'lost' stdout || fail "what was in the ring is lost: $(cat stdout)"
expect 123 "$DEJA" verify busy

# The ring keeps what was drained but is in no frame yet: the recorder stops, and the ring is filled to
# its end before everything is killed. (Right after a frame there is nothing to keep, so three times.)
for round in 1 2 3; do
	begin kept$round perl -e 'open my $f, "<", "/dev/urandom"; $| = 1; print "on\n";
		while (1) { sysread $f, my $b, 30000; select undef, undef, undef, 0.01 }'
	sleep "0.0$((RANDOM % 10))"
	kill -STOP $RECORDER
	sleep 0.8
	kill_all
	expect 0 "$DEJA" recover kept$round
	! grep -q 'lost' stdout || fail "kept: what was drained is lost: $(cat stdout)"
	expect 123 "$DEJA" verify kept$round
done

# The recorder alone: the program goes on, to its own end.
begin recorder perl lines.pl
perl=$(pgrep -P $RECORDER perl) || fail "perl is not a child of deja record"
expect 125 "$DEJA" recover recorder
one_line 'still being recorded'
kill -KILL $RECORDER
quietly wait $RECORDER
sleep 0.1
before=$(wc -l <out)
wait_lines out 1 || fail "the program hangs" # what was there before is in events
expect 0 "$DEJA" recover recorder
grep -q 'still runs, unrecorded' stdout || fail "recover says $(cat stdout)"
kill -0 "$perl" 2>/dev/null || fail "the program died"
wait_lines out 2 || fail "the program hangs"
: >stop
wait_for ended || fail "the program did not end as it should"
[ "$(wc -l <out)" = "$(cat ended)" ] || fail "its output is not whole"
rm -f stop ended
as_far recorder 100000
[ "$(wc -l <out2)" -ge "$before" ] || fail "recorder: $before lines before recovering, $(wc -l <out2) replayed"

# The same in a pid namespace, where a process has a number that nobody has here, nor will have soon.
inner=$(sh -c 'echo $$')
for ((inner = inner > 16000 ? inner - 12000 : inner + 12000; inner > 1; inner--)); do [ -e /proc/$inner ] || break; done
cat >nested.sh <<S
echo $((inner - 1)) >/proc/sys/kernel/ns_last_pid || echo unable
perl lines.pl &
wait
S
if unshare -pf sh -c 'echo 4711 >/proc/sys/kernel/ns_last_pid' 2>/dev/null; then
	begin nested unshare -pf sh nested.sh
	keep_session nested
	kill -KILL $RECORDER
	quietly wait $RECORDER
	expect 0 "$DEJA" recover nested
	: >stop
	grep -q '^3 processes still run, unrecorded' stdout || fail "nested: recover says $(cat stdout)"
	for pid in 1 $inner; do
		"$DEJA" cat --pid $pid nested 2>/dev/null | tail -1 | grep -q 'the recorder was killed' ||
			fail "nested: process $pid went on, and its stream does not say so: $("$DEJA" cat --pid $pid nested | tail -1)"
	done
	expect 123 "$DEJA" verify nested
	wait_for ended || fail "nested: the program did not end as it should"
	rm -f stop ended
fi

# The memory is gone: what was written is there, and is not called more than it is.
begin gone perl lines.pl
shown() { "$DEJA" cat --call write gone 2>/dev/null | grep -q 'line 0 '; }
until_true 10 shown || fail "gone: nothing comes to the disk"
kill_all
rm -rf "$SESSION"
head -c 100 gone/p1.zst >piece
cat piece >>gone/p1.zst # it was killed in the middle of a frame
expect 0 "$DEJA" recover gone
grep -q 'what it had not written is lost' stdout || fail "recover says $(cat stdout)"
as_far gone 100000
[ -s out2 ] || fail "gone: nothing at all was left"

# A whole recording needs nothing, and is not changed.
expect 0 "$DEJA" record -q -o next -- true
find next -type f -exec md5sum {} + | sort >before
expect 0 "$DEJA" recover next
one_line 'nothing to recover'
find next -type f -exec md5sum {} + | sort | cmp -s - before || fail "a whole recording was changed"
[ ! -e next/.session ] && [ ! -e next/.files ] || fail "links are left in a whole recording"
expect 121 "$DEJA" recover nothing-here
