# Processes write to one output while there are fewer processors than that want to run: who has just
# written and is put aside before that is told is waited for, and the replay prints what came out, line for line.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >writers.pl <<'P'
$| = 1;
for my $i (1 .. 4) {
	next if fork;
	for my $j (1 .. 1500) { syswrite STDOUT, "$i $j\n"; for (my $k = 0; $k < 50; $k++) {} }
	exit 0;
}
1 while wait > 0;
P
# one processor, and others that want it
on=$(taskset -cp $$ 2>/dev/null | sed 's/.*: *//; s/[,-].*//')
[ -n "$on" ] || skip "no taskset"
for round in 1 2 3; do
	for ((i = 0; i < 3; i++)); do background timeout 60 taskset -c "$on" sh -c 'while :; do :; done'; done
	limit taskset -c "$on" "$DEJA" record -q -o rec$round -- perl writers.pl >out 2>err </dev/null || fail "record: $(cat err)"
	stop_background
	[ "$(wc -l <out)" = 6000 ] || fail "it wrote $(wc -l <out) lines"
	expect 0 "$DEJA" replay rec$round
	cmp out stdout || fail "round $round: $(diff out stdout | grep -c '^<') lines came in another order"
done
