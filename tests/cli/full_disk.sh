# The disk fills while recording: the program goes on unharmed, its status is its own, the
# recording says that it is incomplete, and replays as far as it goes.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

[ "$(id -u)" = 0 ] || skip "needs root to mount a small file system"
unshare -m true 2>/dev/null || skip "unshare -m is not permitted"
cat >inner.sh <<'S'
mount -t tmpfs -o size=12m none small || exit 99
"$DEJA" record -o small/rec -- perl -e '
	open my $r, "<", "/dev/urandom"; binmode STDOUT;
	for (1 .. 400) { sysread $r, my $b, 50000; syswrite STDOUT, unpack("%32C*", $b) . "\n" } exit 6' >out 2>err </dev/null
echo $? >status
"$DEJA" replay small/rec >out2 2>err2 </dev/null
echo $? >status2
"$DEJA" info small/rec >info 2>&1
echo $? >status3
S
mkdir small
limit unshare -m sh inner.sh || fail "inner.sh: status $?"
[ "$(cat status)" = 6 ] || fail "the program's status became $(cat status): $(tail -2 err)"
[ "$(wc -l <out)" = 400 ] || fail "the program was harmed: $(wc -l <out) lines"
grep -qiE '^deja: .*(space|full|incomplete|stopped)' err || fail "deja record does not say it: $(cat err)"
[ "$(cat status2)" != 0 ] && [ "$(cat status2)" != 6 ] || fail "the replay of a part is called a success: $(cat status2)"
cmp -s -n "$(stat -c %s out2)" out out2 || fail "the replayed part is no prefix"
grep -qiE '^deja: .*(incomplete|truncated|cut short|space)' err2 || fail "the replay does not say it: $(cat err2)"
grep -qiE '^Complete *no: .*(space|full)' info || fail "info does not say why: $(grep ^Complete info)"
echo "replayed $(wc -l <out2) of 400 lines"

# Full to the last byte by somebody else: header and index have room of their own. And where they had
# not, they are written when there is some again.
cat >slow.pl <<'P'
$| = 1; open my $r, "<", "/dev/urandom";
for (1 .. 400) {
	select undef, undef, undef, 0.02 until $_ != 100 || -e "filled";
	sysread $r, my $b, 20000; print unpack("%32C*", $b), "\n"; select undef, undef, undef, 0.005 } exit 6;
P
cat >filled.sh <<'S'
mount -t tmpfs -o size=24m none small || exit 99
"$DEJA" record -o small/rec -- perl slow.pl >out 2>err </dev/null &
recorder=$!
until [ "$(wc -l <out)" -gt 20 ]; do sleep 0.02; done
[ "$1" = room ] || rm -f small/rec/.room.*
cat /dev/zero >small/filler 2>/dev/null
: >filled
[ "$1" = room ] || { until [ -s err ]; do sleep 0.02; done; rm small/filler; }
wait $recorder
echo $? >status
"$DEJA" info small/rec >info 2>&1
"$DEJA" replay small/rec >out2 2>err2 </dev/null
echo $? >status2
ls -A small/rec >left
S
for way in room later; do
	rm -f out filled
	: >out
	limit unshare -m sh filled.sh $way || fail "filled.sh: status $?"
	[ "$(cat status)" = 6 ] && [ "$(wc -l <out)" = 400 ] || fail "$way: the program was harmed: $(cat status), $(wc -l <out) lines"
	grep -qE '^Complete *no: .*No space left' info || fail "$way: info does not say why: $(grep ^Complete info): $(cat err)"
	! grep -q '^\.' left || fail "$way: left behind: $(cat left)"
	[ "$(cat status2)" = 121 ] || [ "$(cat status2)" = 123 ] || fail "$way: replay gave $(cat status2): $(cat err2)"
	[ -s out2 ] && cmp -s -n "$(stat -c %s out2)" out out2 || fail "$way: the replayed part is no prefix: $(wc -l <out2) lines"
done

# No room for a file that is mapped later: without it a replay would take another way. The recording ends
# before that.
head -c 3000000 /dev/urandom >data
cat >mapped.py <<'P'
import mmap, os, sys
for i in range(3):
    print("line", i, os.getpid(), flush=True)
    if os.fork() == 0:
        print("child", i, os.urandom(4).hex(), flush=True)
        os._exit(0)
    os.wait()
with open("data", "rb") as f:
    m = mmap.mmap(f.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
    print("sum", sum(m[::4096]), flush=True)
sys.exit(6)
P
cat >mapped.sh <<'S'
mount -t tmpfs -o size=64m none small || exit 99
"$DEJA" record -q -o small/first -- python3 mapped.py >out 2>err </dev/null || [ $? = 6 ] || exit 98
used=$(du -s --block-size=1K small/first | cut -f1)
rm -rf small/first
mount -o remount,size=$((used - 1000))k small || exit 97
"$DEJA" record -o small/rec -- python3 mapped.py >out 2>err </dev/null
echo $? >status
"$DEJA" replay small/rec >out2 2>err2 </dev/null
echo $? >status2
"$DEJA" info small/rec >info 2>&1
S
limit unshare -m sh mapped.sh || fail "mapped.sh: status $?"
[ "$(cat status)" = 6 ] && [ "$(wc -l <out)" = 7 ] || fail "mapped: the program was harmed: $(cat status) $(cat out err)"
grep -q '^deja: cannot store .*data: No space left.*: recording stops here, the program goes on' err || fail "mapped: not said: $(cat err)"
grep -q '^Complete *no: cannot store .*data: No space left' info || fail "mapped: info: $(grep ^Complete info)"
[ "$(cat status2)" = 123 ] || fail "mapped: replay gave $(cat status2): $(cat err2)"
cmp -s out2 <(head -6 out) || fail "mapped: another output up to there: $(cat out2)"
