# The file system of the recording becomes read-only while it is made, as ext4 does after an error of
# its disk: open streams cannot be written any more, and the header neither. The program is unharmed, the
# recorder says it, what is on disk replays. On a loop device of its own, in a mount namespace of its own.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

[ "$(id -u)" = 0 ] || skip "needs root to mount a file system"
command -v mkfs.ext4 losetup >/dev/null || skip "no mkfs.ext4 or losetup"
unshare -m true 2>/dev/null || skip "unshare -m is not permitted"

cat >lines.pl <<'P'
$| = 1; my ($last, $pause, $status) = @ARGV;
for my $i (1 .. $last) { print "line $i ", rand, "\n"; select undef, undef, undef, $pause; }
exit $status;
P
cat >tree.sh <<'T'
for who in 1 2 3; do perl lines.pl 100 0.01 0 >tree.$who & done
perl lines.pl 300 0.01 0
wait
exit 7
T
# The trigger is this loop device's, or none.
cat >inner.sh <<'S'
loop=$(losetup -f --show image 2>err) || exit 77
trap 'umount mnt 2>/dev/null; losetup -d "$loop"' EXIT
case $loop in /dev/loop[0-9]*) ;; *) exit 77 ;; esac
mount -o errors=remount-ro "$loop" mnt 2>err || exit 77
trigger=/sys/fs/ext4/${loop##*/}/trigger_fs_error
[ -w "$trigger" ] || { echo "no $trigger" >err; exit 77; }
"$DEJA" record -o mnt/rec -- "$@" >out 2>err </dev/null &
while [ "$(wc -l <out)" -lt 20 ]; do sleep 0.02; done
until "$DEJA" cat --call write mnt/rec 2>/dev/null | grep -q 'line 1 '; do sleep 0.05; done
sleep 0.3
echo 1 >"$trigger"
! touch mnt/file 2>/dev/null || { echo "it is not read-only" >err; exit 77; }
wc -l <out >when
wait $!
echo $? >status
"$DEJA" info mnt/rec >info 2>&1
"$DEJA" replay mnt/rec >out2 2>err2 </dev/null
echo $? >status2
find /dev/shm -maxdepth 2 -lname "$PWD/mnt/rec" >left
S
mkdir mnt
# turned STATUS LINES CMD...
turned() {
	local got=0 want=$1 lines=$2
	shift 2
	rm -f image out out2 && : >out
	truncate -s 32M image
	mkfs.ext4 -q -F -E lazy_itable_init=0 image || skip "mkfs.ext4 fails"
	limit unshare -m bash inner.sh "$@" || got=$?
	[ $got != 77 ] || skip "no loop device that turns read-only: $(tail -1 err)"
	[ $got = 0 ] || fail "inner.sh: status $got"
	[ "$(cat status)" = "$want" ] && [ "$(wc -l <out)" = "$lines" ] ||
		fail "$1: the program was harmed: status $(cat status), $(wc -l <out) of $lines lines: $(cat err)"
	grep -q '^deja: .*Read-only file system: recording stops here, the program goes on' err || fail "$1: not said: $(cat err)"
	grep -q '^Complete *no: .*read-only' info || fail "$1: info: $(grep ^Complete info)"
	[ "$(cat status2)" = 121 ] || [ "$(cat status2)" = 123 ] || fail "$1: replay gave $(cat status2): $(cat err2)"
	[ -s out2 ] && cmp -s -n "$(stat -c %s out2)" out out2 || fail "$1: the replayed part is no prefix: $(wc -l <out2) lines"
	# frames are written every 200 ms
	[ $(($(cat when) - $(wc -l <out2))) -lt 60 ] || fail "$1: $(cat when) lines until then, $(wc -l <out2) replayed"
	[ ! -s left ] || fail "$1: left in /dev/shm: $(cat left)"
	echo "$1: replayed $(wc -l <out2) of $(cat when) lines until then"
}
turned 5 400 perl lines.pl 400 0.01 5
turned 7 300 bash tree.sh
[ "$(cat tree.1 tree.2 tree.3 | wc -l)" = 300 ] || fail "tree: a child was harmed"
