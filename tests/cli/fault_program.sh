# What a program can do to itself (fault_program.c): closed descriptors, another root, user,
# namespaces, limits, seccomp filters. Recorded, its output and status are as natively, nothing of
# ours is on its stderr; the recording replays exactly, or up to where it says that it ends.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

gcc -O1 -pthread -o victim "$TESTS/cli/fault_program.c" || fail "it does not compile"
chmod 755 . && ran=0 skipped=
shape() { sed 's/[0-9]\{2,\}/N/g' "$1"; }

# A root with a shell in it, which chroot makes its own.
root() {
	local lib
	rm -rf root
	mkdir -p root/bin
	cp /bin/sh root/bin/
	for lib in $(ldd /bin/sh | grep -o '/[^ ]*'); do
		mkdir -p "root$(dirname "$lib")"
		cp "$lib" "root$lib"
	done
}

# faulty FAULT [ENDED]: ENDED: recording ends there. RECORD: options of `deja record`.
RECORD=
faulty() {
	local fault=$1 native=0 recorded=0 replayed=0
	root
	quiet_limit ./victim "$fault" >native 2>native.err </dev/null || native=$?
	if [ $native = 77 ]; then
		skipped="$skipped $fault ($(sed -n 's/^skip: //p' native))"
		return
	fi
	root
	rm -rf "$fault"
	# shellcheck disable=SC2086
	quiet_limit "$DEJA" record -q $RECORD -o "$fault" -- ./victim "$fault" >out 2>err </dev/null || recorded=$?
	[ $recorded = $native ] || fail "$fault: status $recorded, natively $native: $(tail -1 err)"
	diff <(shape native) <(shape out) >diff || fail "$fault: another output: $(cat diff)"
	diff native.err <(grep -v '^deja: ' err) >diff || fail "$fault: another stderr: $(cat diff)"
	quiet_limit "$DEJA" replay "$fault" >out2 2>err2 </dev/null || replayed=$?
	if [ -n "${2:-}" ]; then
		[ $replayed = 123 ] || fail "$fault: replay gave $replayed: $(cat err2)"
		cmp -s -n "$(stat -c %s out2)" out out2 || fail "$fault: the replayed part is no prefix"
		expect 0 "$DEJA" info "$fault"
		grep -q "^Complete *no: .*$2" stdout || fail "$fault: info: $(grep ^Complete stdout)"
		expect 0 "$DEJA" cat "$fault"
		tail -1 stdout | grep -q 'recording stopped here' || fail "$fault: its stream goes on: $(tail -1 stdout)"
	else
		[ $replayed = $native ] || fail "$fault: replay gave $replayed: $(cat err2)"
		cmp -s out out2 || fail "$fault: another output replayed: $(diff out out2)"
		expect 0 "$DEJA" verify "$fault"
	fi
	ran=$((ran + 1))
}

for fault in close_all chroot pivot_root clock_forwards clock_backwards setuid unshare nofile as filter_mild filter_kill filter_killed filter_errno filter_fight strict_refused; do faulty $fault; done
# The recorder's own clock, where that is not the processor's counter, jumps as well; no time that it
# writes runs backwards.
RECORD=--trap-tsc
for fault in clock_forwards clock_backwards; do
	faulty $fault
	[ ! -e $fault ] || "$DEJA" cat --jsonl $fault | python3 -c '
import json, sys
last = {}
for line in sys.stdin:
    e = json.loads(line)
    assert e["time"] >= last.get(e["pid"], 0) and e.get("dur", 0) >= 0, line[:200]
    last[e["pid"]] = e["time"]' || fail "$fault: a time runs backwards"
done
RECORD=
faulty strict 'seccomp filter that forbids'
faulty filter_threads 'seccomp filter that forbids'
for _ in 1 2 3; do faulty filter_busy 'seccomp filter that forbids'; done # one does not always meet it
faulty set_gs 'takes the register %gs'
echo "$ran faults; skipped:${skipped:- none}"
[ $ran -gt 0 ] || skip "nothing is permitted here:$skipped"
[ -z "$skipped" ] || [ "$(id -u)" != 0 ] || echo "as root:$skipped" >&2
