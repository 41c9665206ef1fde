# A stream cut anywhere replays its prefix, says so, and is not called a success; `cat` and
# `info` read what is there.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

# One process, many events.
expect 0 "$DEJA" record -q -o good -- perl -e '$| = 1; for (1 .. 40000) { print "line $_ ", time, " ", rand, "\n"; select undef, undef, undef, 0.0001 if $_ % 5000 == 0 }'
cp stdout recorded
bad=0
problem() { echo "$*" >&2; bad=$((bad + 1)); }
for share in 0.99 0.7 0.3 0.02; do
	rm -rf cut
	cp -a good cut
	python3 "$TESTS/tamper.py" cut cut $share || fail "tamper.py"
	got=0
	limit "$DEJA" replay cut >out 2>stderr </dev/null || got=$?
	[ $got != 0 ] || problem "cut at $share: the replay of a part is called a success"
	[ $got = 120 ] || [ $got = 121 ] || problem "cut at $share: status $got: $(cat stderr)"
	grep -qiE "^deja: .*(truncated|incomplete|cut short|ends early)" stderr || problem "cut at $share: not said: $(cat stderr)"
	cmp -s -n "$(stat -c %s out)" out recorded || problem "cut at $share: the output is no prefix of the recorded one"
	[ "$(stat -c %s out)" -lt "$(stat -c %s recorded)" ] || problem "cut at $share: everything was printed"
	echo "$share: $(wc -l <out) lines, status $got"
	limit "$DEJA" cat cut >out 2>err </dev/null
	got=$?
	[ $got = 0 ] || [ $got = 121 ] || problem "cut at $share: deja cat gave $got: $(cat err)"
	limit "$DEJA" info cut >out 2>err </dev/null || [ $? = 121 ] || problem "cut at $share: deja info: $(cat err)"
	got=0
	limit "$DEJA" verify cut >out 2>err </dev/null || got=$?
	[ $got != 0 ] && ! grep -q '^OK' out || problem "cut at $share: verify says $(cat out), status $got"
done
[ $bad = 0 ] || fail "$bad things are wrong"
