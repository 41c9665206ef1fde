# What can happen to the recorder: stopped for seconds, a limit on file sizes, its directory
# deleted, little shared memory; and one child of many killed. The program's output and
# status stay its own, what was recorded replays, and info says why it ends.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >lines.pl <<'P'
$| = 1; my $last = shift // 1000; my $pause = shift // 0;
for my $i (1 .. $last) { print "line $i ", rand, "\n"; select undef, undef, undef, $pause if $pause; }
exit 5;
P

# begin REC CMD...: records in the background, RECORDER.
begin() {
	local rec=$1
	shift
	rm -f out
	"$DEJA" record -q -o "$rec" -- "$@" >out 2>err </dev/null &
	RECORDER=$!
	wait_for out || fail "$rec: no output: $(cat err)"
}

# ends REC: it does, within a time.
ends() {
	local i
	for ((i = 0; i < 1500; i++)); do
		kill -0 $RECORDER 2>/dev/null || return 0
		sleep 0.02
	done
	kill -KILL $RECORDER
	fail "$1: the recording does not end"
}

# ended REC STATUS LINES: it ended so; nothing was lost of its output.
ended() {
	local got=0
	ends "$1"
	quietly wait $RECORDER || got=$?
	[ $got = "$2" ] || fail "$1: status $got, not $2: $(cat err)"
	[ "$(wc -l <out)" = "$3" ] || fail "$1: the program was harmed: $(wc -l <out) of $3 lines"
}

# partly REC PATTERN: REC replays up to where it says that it ends, for this reason.
partly() {
	local got=0
	limit "$DEJA" replay "$1" >out2 2>err2 </dev/null || got=$?
	[ $got = 123 ] || [ $got = 121 ] || fail "$1: replay gave $got: $(cat err2)"
	cmp -s -n "$(stat -c %s out2)" out out2 || fail "$1: the replayed part is no prefix"
	expect 0 "$DEJA" info "$1"
	grep -qiE "^Complete *no: .*($2)" stdout || fail "$1: info: $(grep ^Complete stdout)"
}

# Stopped for 5 s and more while the program fills its ring: it waits, and nothing is lost.
begin stopped perl lines.pl 60000
kill -STOP $RECORDER
sleep 3
until n=$(wc -l <out); sleep 2; [ "$(wc -l <out)" = "$n" ]; do :; done
kill -CONT $RECORDER
ended stopped 5 60000
expect 5 "$DEJA" replay stopped
cmp -s stdout out || fail "stopped: another output replayed"
# No time runs backwards in it, and nothing lasted less than nothing.
"$DEJA" cat --jsonl stopped | python3 -c '
import json, sys
last, long = 0.0, 0.0
for line in sys.stdin:
    e = json.loads(line)
    assert e["time"] >= last and e.get("dur", 0) >= 0, line[:200]
    long = max(long, e["time"] - last)
    last = e["time"]
assert long > 1, "the program never waited: %f" % long' || fail "stopped: times"

# In another pid namespace the recorder's pid tells nothing of it: its heartbeat does.
if unshare -pf true 2>/dev/null; then
	begin beat unshare -pf perl lines.pl 60000
	kill -STOP $RECORDER
	sleep 0.5
	kill -CONT $RECORDER
	ended beat 5 60000
	expect 5 "$DEJA" replay beat
	cmp -s stdout out || fail "beat: another output replayed"
fi

# One child of many is killed: that is part of what is recorded.
begin child bash -c 'for i in 1 2 3; do perl lines.pl 300 0.01 & done; wait; echo all; exit 8'
second_child() { second=$(pgrep -P "$(pgrep -P $RECORDER bash)" perl | sed -n 2p) && [ -n "$second" ]; }
until_true second_child && kill -KILL "$second" || fail "child: none to kill"
got=0
ends child
quietly wait $RECORDER || got=$?
[ $got = 8 ] || fail "child: status $got: $(cat err)"
expect 8 "$DEJA" replay child
cmp -s stdout out || fail "child: another output: $(diff stdout out | head -3)"
expect 0 "$DEJA" ps child
grep -q SIGKILL stdout || fail "child: ps does not show it: $(cat stdout)"

# A limit on file sizes, hit by the recorder alone.
begin fsize perl -e '$| = 1; open my $f, "<", "/dev/urandom"; for (1 .. 300) { sysread $f, my $b, 20000; print unpack("%32C*", $b), "\n"; select undef, undef, undef, 0.003 } exit 6'
prlimit --pid $RECORDER --fsize=1000000:1000000 || fail "prlimit"
ended fsize 6 300
grep -q '^deja: .*File too large.*the program goes on' err || fail "fsize: not said: $(cat err)"
partly fsize 'File too large'
# What it counts is there: events in no whole frame are none.
said=$(sed -n 's/^Events  *\([0-9]*\) .*/\1/p' stdout)
"$DEJA" cat --jsonl fsize >events 2>/dev/null
[ "$said" = "$(wc -l <events)" ] || fail "fsize: info says $said events, there are $(wc -l <events)"
got=0
(ulimit -S -f 500; limit "$DEJA" record -q -o soft -- bash -c 'ulimit -S -f') >out 2>err </dev/null || got=$?
[ $got = 0 ] && [ "$(cat out)" = 500 ] || fail "a soft limit: status $got: $(cat out err)"
# The program's own limit ends it by SIGXFSZ, which the recorder ignores.
got=0
(ulimit -c 0; quiet_limit "$DEJA" record -q -o limited -- bash -c 'ulimit -f 1; exec head -c 100000 /dev/zero >big') 2>err </dev/null || got=$?
[ $got = 153 ] || fail "SIGXFSZ of the program: status $got: $(cat err)"

# The directory is deleted: that is said, whether something new can be written there or not.
begin gone perl lines.pl 200 0.005
rm -rf gone
ended gone 5 200
grep -q '^deja: the recording was deleted .*the program goes on' err || fail "gone: not said: $(cat err)"
begin emptied perl lines.pl 200 0.005
until_true 60 test -e emptied/p1.zst || fail "emptied: no stream"
rm -f emptied/p1.zst
ended emptied 5 200
grep -q '^deja: the recording was deleted .*the program goes on' err || fail "emptied: not said: $(cat err)"

# What needs a file system of its own.
unshare -m true 2>/dev/null || { echo "no mount namespaces here: small /dev/shm not tried" >&2; exit 0; }
cat >small.sh <<'S'
mount -t tmpfs -o size=$1 none /dev/shm || exit 99
shift
exec "$@"
S
# Not even room for the recorder: refused before anything runs.
got=0
limit unshare -m sh small.sh 256k "$DEJA" record -o none -- sh -c 'touch ran' >out 2>err </dev/null || got=$?
[ $got = 125 ] && [ ! -e ran ] && [ ! -e none ] || fail "tiny /dev/shm: status $got: $(cat err)"
[ "$(wc -l <err)" = 1 ] && grep -q '/dev/shm' err || fail "tiny /dev/shm: $(cat err)"
# Room for a few processes: the others go on unrecorded, and that is said.
got=0
limit unshare -m sh small.sh 3m "$DEJA" record -o few -- bash -c '
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do perl -e "print \"x\" x 100, rand, qq(\n) for 1 .. 3000; sleep 1" >/dev/null & pids="$pids $!"; done
	for p in $pids; do wait $p || echo harmed; done; echo all $RANDOM; exit 9' >out 2>err </dev/null || got=$?
[ $got = 9 ] && [ "$(wc -l <out)" = 1 ] || fail "small /dev/shm: status $got: $(cat out err)"
grep -qE '/dev/shm is full|too many processes|not recorded' err || fail "small /dev/shm: not said: $(cat err)"
# 64 MiB, as containers have it: enough.
got=0
limit unshare -m sh small.sh 64m "$DEJA" record -q -o many -- bash -c '
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do perl -e "print \"x\" x 100, rand, qq(\n) for 1 .. 3000" >/dev/null & done
	wait; echo all $RANDOM; exit 9' >out 2>err </dev/null || got=$?
[ $got = 9 ] && [ ! -s err ] || fail "64 MiB: status $got: $(cat err)"
expect 9 "$DEJA" replay many
cmp -s stdout out || fail "64 MiB: another output"
