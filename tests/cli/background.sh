# A background process that outlives the command is recorded to its end, its late output
# replayed; with -q nothing is said about it.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

expect 4 "$DEJA" record -q -o rec -- sh -c '(sleep 0.3; echo late $(date +%N)) & echo early $$; exit 4'
[ ! -s stderr ] || fail "-q is not quiet: $(cat stderr)"
grep -q '^late' stdout || fail "the late line is missing: $(cat stdout)"
cp stdout recorded
expect 4 "$DEJA" replay rec
cmp -s stdout recorded || fail "another output: $(diff recorded stdout)"
expect 0 "$DEJA" verify rec
# A daemon with its own session, its output in a file.
expect 0 "$DEJA" record -q -o rec2 -- setsid -f sh -c 'sleep 0.2; date >ended'
wait_for ended 5
expect 0 "$DEJA" verify rec2
# What ends the command is sent to us as well, a little later (a service is stopped, a group ends
# itself): what still ends in the background is recorded to its end, what does not is cut off.
# (It has 300 ms for that, which may be too little on a busy machine: one of some counts.)
for _ in 1 2 3 4 5 6; do
	rm -rf up rec3
	"$DEJA" record -q -o rec3 -- sh -c '
		(trap "sleep 0.1; echo over; exit" TERM; echo $(exec sh -c "echo \$PPID"); while :; do sleep 0.02; done) &
		echo up >up; exec sleep 30' >recorded &
	recorder=$!
	wait_for up && wait_for recorded
	pkill -TERM -P $recorder
	kill "$(head -1 recorded)"
	sleep 0.05
	kill -TERM $recorder
	wait $recorder && fail "the command was not ended"
	until_true grep -q over recorded || fail "the background process said nothing"
	"$DEJA" replay rec3 2>&1 </dev/null | grep -q 'stopped by signal 15' || break
done
expect 143 "$DEJA" replay rec3
cmp -s stdout recorded || fail "another output: $(diff recorded stdout)"
"$DEJA" record -q -o rec4 -- sh -c 'sleep 50 & echo $$ >up4' &
recorder=$!
wait_for up4
gone() { ! kill -0 "$1" 2>/dev/null; }
until_true gone "$(cat up4)" || fail "the command does not end"
sleep 0.2
kill -TERM $recorder
wait $recorder
expect 123 "$DEJA" replay rec4
grep -q 'stopped by signal 15' stderr || fail "not cut off: $(cat stderr)"
