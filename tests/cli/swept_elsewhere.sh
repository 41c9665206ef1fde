# A killed recorder's program runs in another pid namespace, where its pid means something else: whether it
# lives is not told by that. Its session is left alone as long as it does, and is swept when it has ended, though a
# process here has the same pid. In a /dev/shm of its own (cli/swept says why).
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

if [ -z "${OWN_SHM:-}" ]; then
	for how in "unshare -m" "unshare -rm"; do
		# shellcheck disable=SC2086
		! $how sh -c 'mount -t tmpfs none /dev/shm && unshare --pid --fork --mount-proc true' 2>/dev/null || OWN_SHM=1 exec $how sh -c '
			mount -t tmpfs -o mode=1777 none /dev/shm && exec bash "$0"' "$0"
	done
	skip "no mount and pid namespaces here"
fi

cat >inside <<'S'
# pid 1: ends with all others when it is told to, or the test has ended
"$DEJA" record -q -o rec -- perl -e '$| = 1; for (;;) { print "line ", $i++, " ", rand, "\n"; select undef, undef, undef, 0.002 }' >out 2>err </dev/null &
for ((i = 0; i < 500; i++)); do [ ! -s out ] || [ ! -L rec/.session ] || break; sleep 0.02; done
sleep 0.3
pgrep perl >pid
kill -KILL $!
wait 2>/dev/null
: >killed
for ((i = 0; i < 600; i++)); do [ ! -e end ] || break; sleep 0.05; done
S

# begin: SESSION, and its namespace's first process here, INSIDE.
begin() {
	rm -rf rec killed end out
	unshare --pid --fork --mount-proc bash inside &
	INSIDE=$!
	for ((i = 0; i < 500; i++)); do [ ! -e killed ] || break; sleep 0.02; done
	[ -e killed ] || fail "no recorder was killed: $(cat err)"
	SESSION=$(readlink rec/.session) || fail "the recording does not name its session"
}

# sweep: by a recording here, when the session is old.
sweep() {
	touch -d '1 minute ago' "$SESSION"
	rm -rf next
	expect 0 "$DEJA" record -q -o next -- true
}

# take_pid PID: this one stands in its slot then, as if it had that there.
take_pid() {
	python3 - "$SESSION/arena" "$(cat pid)" "$1" <<'P' || fail "its slot was not found"
import mmap, struct, sys
f = open(sys.argv[1], "r+b")
m = mmap.mmap(f.fileno(), 4 << 20)
# a slot begins: state, stream, the parent's stream, pid
at = [i for i in range(0, len(m) - 16, 4096) if struct.unpack_from("<4I", m, i) == (2, 1, 0, int(sys.argv[2]))]
if len(at) != 1:
    sys.exit(1)
struct.pack_into("<I", m, at[0] + 12, int(sys.argv[3]))
P
}

# A pid that nobody has here, though the program lives.
begin
take_pid 4194303
size=$(stat -c %s out)
sweep
[ -e "$SESSION" ] || fail "its program lives, in a pid namespace of its own, and it was swept"
sleep 0.2
[ "$(stat -c %s out)" -gt "$size" ] || fail "the program does not go on"
: >end
quietly wait $INSIDE

# It has ended; one here has that pid.
sleep 100 &
sleeper=$!
sed -i 's/.*/4194303/' pid
take_pid $sleeper
sweep
kill $sleeper
[ ! -e "$SESSION" ] || fail "its program has ended, and it was not swept"
expect 0 "$DEJA" info rec
grep -q '^Complete *no: the recorder was killed' stdout || fail "info: $(grep Complete stdout)"
expect 123 "$DEJA" verify rec
