# SIGKILL of `deja record` in the middle: the program goes on unharmed, and what was written
# replays as far as it goes.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"
own_shm

cat >forever.pl <<'P'
$| = 1; my $i = 0;
while (1) { print "line ", $i++, " ", rand, "\n"; last if -e "stop"; select undef, undef, undef, 0.002 unless -e "fast"; }
open my $f, ">", "ended"; print $f "$i\n"; exit 5;
P
# shown REC: the disk has a first line of it
shown() { "$DEJA" cat --call write "$1" 2>/dev/null | grep -q 'line 0 '; }
"$DEJA" record -q -o supervisor -- perl forever.pl >out 2>err </dev/null &
recorder=$!
wait_for out || fail "no output"
until_true 10 shown supervisor || fail "what it printed first does not come to the disk"
perl=$(pgrep -P $recorder perl) || fail "perl is not a child of deja record"
kill -KILL $recorder
quietly wait $recorder
n=$(wc -l <out)
sleep 0.3
kill -0 "$perl" 2>/dev/null || fail "the program died with deja record"
# its ring is full soon, and nobody drains it
: >fast
wait_lines out 30000 || fail "the program hangs without deja record: $(($(wc -l <out) - n)) lines since"
keep_session supervisor
: >stop
wait_for ended || fail "the program did not end as it should"
sleep 0.1
[ "$(wc -l <out)" = "$(cat ended)" ] || fail "its output is not whole"
got=0
limit "$DEJA" replay supervisor >out2 2>err2 </dev/null || got=$?
[ $got != 0 ] || fail "the replay of a part is called a success"
grep -qiE '^deja: .*(incomplete|truncated|cut short)' err2 || fail "the replay does not say what is missing: $(cat err2)"
cmp -s -n "$(stat -c %s out2)" out out2 || fail "the replayed part is no prefix"
[ -s out2 ] || fail "nothing was on disk"
echo "replayed $(wc -l <out2) of $(wc -l <out) lines"

# The same by the kernel, for want of memory: a control group of its own that holds less than it has.
group=/sys/fs/cgroup/memory limit_file=memory.limit_in_bytes
[ -d $group ] || group=/sys/fs/cgroup limit_file=memory.max
group=$group/deja-test-$$
mkdir $group 2>/dev/null && [ -e $group/$limit_file ] || { rmdir $group 2>/dev/null; echo "no memory control group: not killed so"; exit 0; }
# nor may it be swapped out
for file in memory.swap.max memory.swappiness; do [ ! -e $group/$file ] || echo 0 >$group/$file; done
rm -f stop fast ended out
"$DEJA" record -q -o oom -- perl forever.pl >out 2>err </dev/null &
recorder=$!
wait_for out || fail "no output"
perl=$(pgrep -P $recorder perl) || fail "perl is not a child of deja record"
echo $recorder >$group/cgroup.procs || { kill -KILL "$perl"; quietly wait $recorder; rmdir $group; echo "the group takes nobody: not killed so"; exit 0; }
echo 300000 >$group/$limit_file 2>/dev/null # may be refused for what it has already
got=0
# what it takes in now is charged to the group
for ((i = 0; i < 1000; i++)); do
	kill -0 $recorder 2>/dev/null || break
	echo 300000 >$group/$limit_file 2>/dev/null
	sleep 0.02
done
kill -0 $recorder 2>/dev/null && fail "the kernel did not kill it"
quietly wait $recorder || got=$?
rmdir $group
[ $got = 137 ] || fail "the recorder ended with $got: $(cat err)"
wait_lines out 2 || fail "the program hangs without its recorder"
keep_session oom
: >stop
wait_for ended || fail "the program did not end as it should"
sleep 0.1
[ "$(wc -l <out)" = "$(cat ended)" ] || fail "its output is not whole"
expect 0 "$DEJA" recover oom
got=0
limit "$DEJA" replay oom >out2 2>err2 </dev/null || got=$?
# all of it, where the program ended before its ring was full
{ [ $got = 123 ] || [ $got = 5 ]; } && cmp -s -n "$(stat -c %s out2)" out out2 && [ -s out2 ] || fail "oom: replay gave $got: $(cat err2)"
