# The recorder in pipelines: stdin from a pipe, stdout into one that closes early, stdout
# closed; concurrent recordings; a recording of a replay's own reader.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

seq 1 100000 | limit "$DEJA" record -q -o a -- sh -c 'head -n 3; echo $$' >out || fail "record in a pipe"
expect 0 "$DEJA" replay a
cmp -s stdout out || fail "stdin from a pipe: another output"

set -o pipefail
got=0
quiet_limit "$DEJA" record -q -o b -- sh -c 'yes $$' </dev/null 2>err | head -n 2 >out || got=$?
[ $got = 141 ] || fail "a closed stdout: status $got: $(cat err)"
got=0
quiet_limit "$DEJA" replay b 2>err </dev/null | head -n 2 >out2 || got=$?
cmp -s out out2 || fail "a closed stdout: another output"
[ ! -s err ] || fail "a closed stdout when replaying: $(cat err)"

expect 0 sh -c "'$DEJA' record -q -o c -- sh -c 'echo lost; exec 3>file; echo kept >&3; cat file >&2' >&-; exit 0"
expect 0 sh -c "'$DEJA' record -q -o d -- cat <&-; exit 0"

for i in 1 2 3 4 5 6; do
	"$DEJA" record -q -o "many$i" -- sh -c 'for i in 1 2 3 4 5; do date +%N; done; echo $$' >"many$i.out" 2>"many$i.err" </dev/null &
done
wait
for i in 1 2 3 4 5 6; do
	expect 0 "$DEJA" replay "many$i"
	cmp -s stdout "many$i.out" || fail "recorded beside others: another output"
done

# deja records deja.
expect 0 "$DEJA" record -q -o reader -- "$DEJA" cat many1
cp stdout out
[ -s out ] || fail "deja cat printed nothing"
expect 0 "$DEJA" replay reader
cmp -s stdout out || fail "a recorded deja cat: another output"

# Output that is lost is no success.
expect 0 "$DEJA" record -q -o full -- sh -c 'echo $$; echo error >&2'
if [ -c /dev/full ]; then
	status=0
	limit "$DEJA" replay full >/dev/full 2>stderr </dev/null || status=$?
	[ $status = 125 ] || fail "a replay to a full disk: status $status"
	has_line 'output could not be written: No space left'
fi
