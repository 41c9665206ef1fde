# Nobody recovers what a killed recorder left: the next deja does, when it cleans up, after a while. In a
# /dev/shm of its own: any other deja of this user would do it, too.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

if [ -z "${OWN_SHM:-}" ]; then
	for how in "unshare -m" "unshare -rm"; do
		# shellcheck disable=SC2086
		! $how sh -c 'mount -t tmpfs none /dev/shm' 2>/dev/null || OWN_SHM=1 exec $how sh -c '
			mount -t tmpfs -o mode=1777 none /dev/shm && exec bash "$0"' "$0"
	done
	skip "no mount namespaces here"
fi

"$DEJA" record -q -o rec -- perl -e '$| = 1; while (1) { print "line ", $i++, " ", rand, "\n"; select undef, undef, undef, 0.002 }' \
	>out 2>err </dev/null &
recorder=$!
wait_for out || fail "no output: $(cat err)"
session=$(readlink rec/.session) || fail "the recording does not name its session"
sleep 0.3
kill -STOP $recorder # the ring has something that is on no disk
sleep 0.1
victims=$(descendants $recorder)
# shellcheck disable=SC2086
kill -KILL $recorder $victims
quietly wait $recorder
for pid in $victims; do
	while grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$pid/status"; do sleep 0.01; done
done
[ "$(find /dev/shm -maxdepth 1 -name 'deja-*')" = "$session" ] || fail "before: $(ls /dev/shm)"

# Not at once: it may be about to be recovered.
expect 0 "$DEJA" record -q -o next -- true
[ -e "$session" ] || fail "it was swept at once"
touch -d '1 minute ago' "$session"
expect 0 "$DEJA" record -q -o next2 -- true
[ -z "$(find /dev/shm -maxdepth 1 -name 'deja-*')" ] || fail "left: $(ls /dev/shm)"
expect 0 "$DEJA" info rec
grep -q '^Complete *no: the recorder was killed' stdout || fail "info: $(grep Complete stdout)"
expect 123 "$DEJA" replay rec
cp stdout part
cmp -s -n "$(stat -c %s part)" out part || fail "the replayed part is no prefix"
[ $(($(wc -l <out) - $(wc -l <part))) -le 1 ] || fail "output was lost: $(wc -l <out) lines, $(wc -l <part) replayed"
expect 123 "$DEJA" verify rec
