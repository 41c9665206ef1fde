# Every exit status and every deadly signal is the recorded command's, when recording, when
# replaying and in `deja ps`.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

bad=0
problem() { echo "$*" >&2; bad=$((bad + 1)); }
for s in 0 1 2 119 120 121 122 125 126 127 200 255; do
	rm -rf rec
	expect $s "$DEJA" record -q -o rec -- sh -c "echo \$\$; exit $s"
	cp stdout out
	expect $s "$DEJA" replay rec
	cmp -s stdout out || problem "status $s: another output"
	[ ! -s stderr ] || problem "status $s: stderr is $(cat stderr)"
	expect 0 "$DEJA" verify rec
done
for s in HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT XCPU XFSZ VTALRM PROF IO PWR SYS RTMIN RTMAX; do
	rm -rf rec
	n=$(kill -l $s)
	got=0
	quiet_limit "$DEJA" record -q -o rec -- sh -c "echo \$\$; kill -$n \$\$; sleep 5" >out 2>err </dev/null || got=$?
	[ $got = $((128 + n)) ] || problem "SIG$s: status $got when recording: $(cat err)"
	got=0
	quiet_limit "$DEJA" replay rec >out2 2>err </dev/null || got=$?
	[ $got = $((128 + n)) ] || problem "SIG$s: status $got when replaying: $(cat err)"
	cmp -s out out2 || problem "SIG$s: another output"
	[ ! -s err ] || problem "SIG$s: stderr of the replay is $(cat err)"
	expect 0 "$DEJA" ps rec
	grep -q "SIG$s\|signal $n" stdout || problem "SIG$s: deja ps says $(tail -1 stdout)"
done
[ $bad = 0 ] || fail "$bad statuses are wrong"
