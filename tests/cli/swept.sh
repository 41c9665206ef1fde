# Nobody recovers what a killed recorder left: the next deja does, when it cleans up, after a while. In a
# /dev/shm of its own: any other deja of this user would do it, too.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

own_shm || skip "no mount namespaces here"

# killed REC: a recording whose recorder was killed with everything, SESSION in /dev/shm.
killed() {
	local victims pid recorder
	rm -f out && : >out
	"$DEJA" record -q -o "$1" -- perl -e '$| = 1; while (1) { print "line ", $i++, " ", rand, "\n"; select undef, undef, undef, 0.002 }' \
		>out 2>err </dev/null &
	recorder=$!
	wait_for out || fail "no output: $(cat err)"
	SESSION=$(readlink "$1/.session") || fail "the recording does not name its session"
	sleep 0.3
	kill -STOP $recorder # the ring has something that is on no disk
	wait_lines out 5 || fail "no more output"
	victims=$(descendants $recorder)
	touch "$SESSION"
	# shellcheck disable=SC2086
	kill -KILL $recorder $victims
	quietly wait $recorder
	for pid in $victims; do
		while grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$pid/status"; do sleep 0.01; done
	done
	[ "$(find /dev/shm -maxdepth 1 -name 'deja-*')" = "$SESSION" ] || fail "before: $(ls /dev/shm)"
}

# whole REC: it was swept, and is whole.
whole() {
	[ -z "$(find /dev/shm -maxdepth 1 -name 'deja-*')" ] || fail "left: $(ls /dev/shm)"
	expect 0 "$DEJA" info "$1"
	grep -q '^Complete *no: the recorder was killed' stdout || fail "info: $(grep Complete stdout)"
	expect 123 "$DEJA" replay "$1"
	cp stdout part
	cmp -s -n "$(stat -c %s part)" out part || fail "the replayed part is no prefix"
	[ $(($(wc -l <out) - $(wc -l <part))) -le 1 ] || fail "output was lost: $(wc -l <out) lines, $(wc -l <part) replayed"
	expect 123 "$DEJA" verify "$1"
}

killed rec
# Not at once: it may be about to be recovered.
expect 0 "$DEJA" record -q -o next -- true
[ -e "$SESSION" ] || fail "it was swept at once"
touch -d '1 minute ago' "$SESSION"
expect 0 "$DEJA" record -q -o next2 -- true
whole rec

# Its disk is full: it waits for another time.
mkdir small && mount -t tmpfs -o size=20m none small || fail "no second file system"
killed small/rec
cat /dev/zero >small/filler 2>/dev/null
touch -d '1 minute ago' "$SESSION"
expect 0 "$DEJA" record -q -o next3 -- true
[ -e "$SESSION" ] || fail "full: what was not recovered was removed"
rm small/filler
touch -d '1 minute ago' "$SESSION"
expect 0 "$DEJA" record -q -o next4 -- true
whole small/rec
