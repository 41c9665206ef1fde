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
