# A stream that ends where a thread ended, or a vfork child, or right after a fork or an exec, is
# not taken for a whole one: its process ends with its last thread. Cut with all that would
# tell put right; by a recorder that is killed there; by --max-time.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

last=$CASES/thread_last_exit

# complete REC PID: what the header says of the process
complete() {
	"$DEJA" ps --json "$1" | python3 -c '
import json, sys
print(*[p["complete"] for p in json.load(sys.stdin)["processes"] if p["stream"] == 1])'
}

# cut_after REC CALL [K]: nothing but the stream tells that there was more. `deja verify` must.
cut_after() {
	local n
	rm -rf cut
	cp -a "$1" cut
	n=$(tamper after cut "${@:2}")
	expect 120 "$DEJA" verify cut
	has_line "diverged at event $((n + 1)) of process"
	grep -q 'ended by itself, but its end is not in its stream' stderr || fail "$*: the reason is not said: $(cat stderr)"
	[ ! -s stdout ] || fail "$*: verify says $(cat stdout)"
	expect 120 "$DEJA" replay cut
}

for how in "the first" "other first"; do
	rm -rf whole
	expect 5 "$DEJA" record -q -o whole -- "$last" "$how"
	expect 0 "$DEJA" verify whole
	[ "$(complete whole)" = True ] || fail "$how: all threads ended, and it is not complete: $("$DEJA" ps --json whole)"
	cut_after whole clone
	cut_after whole exit
	cut_after whole write 2
	rm -rf cut
	cp -a whole cut
	n=$(tamper end cut)
	expect 120 "$DEJA" verify cut
	has_line "diverged at event $n of process"
done

# One that ends by exit_group while others live, by exit_group of another than the first.
expect 0 "$DEJA" record -q -o group -- "$CASES/thread_main_exits"
[ "$(complete group)" = True ] || fail "ended by exit_group, and it is not complete"
cut_after group exit

# Right after a fork, a vfork, an exec.
expect 0 "$DEJA" record -q -o forks -- "$CASES/fork_killed"
cut_after forks clone
expect 0 "$DEJA" record -q -o vforks -- "$CASES/vfork_exec"
cut_after vforks vfork
cut_after vforks EXEC
expect 0 "$DEJA" record -q -o execs -- sh -c 'exec date +%N'
cut_after execs EXEC

# Threads that give different codes: the kernel chooses one, in each run and each replay anew.
got=0
limit "$DEJA" record -q -o codes -- "$last" "two codes" >/dev/null || got=$?
[ $got = 4 ] || [ $got = 5 ] || fail "two codes: status $got"
for ((i = 0; i < 10; i++)); do expect 0 "$DEJA" verify codes; done
expect $got "$DEJA" replay codes

# Killed from outside: its last event may be any. What the header counts tells.
quietly expect 137 "$DEJA" record -q -o killed -- perl -e '$| = 1; print time, "\n"; print "more\n"; kill 9, $$'
expect 0 "$DEJA" verify killed
[ "$(complete killed)" = False ] || fail "killed, and called complete"
cp -a killed cut_killed
n=$(tamper after cut_killed write 1)
cp killed/header cut_killed/header
expect 121 "$DEJA" verify cut_killed
one_line "stream 1 is cut: it does not hold the [0-9]* events that the header counts: replayed up to event $n\$"
expect 121 "$DEJA" replay cut_killed
"$DEJA" info cut_killed | grep -q '^Complete *no: .*does not hold the [0-9]* events' || fail "info says $("$DEJA" info cut_killed | grep Complete)"

# A recorder that is killed right after the end of a vfork child of the command, which is killed, too.
quietly expect 137 "$DEJA" record -q -o vforked -- "$CASES/vfork_kills_maker" all
expect 0 "$DEJA" recover vforked
grep -q '^incomplete: .*how the command ended is not known' stdout || fail "recover says $(cat stdout)"
"$DEJA" cat vforked 2>/dev/null | tail -1 | grep -q 'exit_group(9)' || fail "it does not end with the child's: $("$DEJA" cat vforked | tail -1)"
"$DEJA" info vforked | grep -q '^Complete *no: ' || fail "info says $("$DEJA" info vforked | grep Complete)"
expect 123 "$DEJA" verify vforked

# begin REC: records one whose first thread has ended, in the background; RECORDER.
begin() {
	"$DEJA" record -q -o "$1" -- "$last" stays >out 2>err </dev/null &
	RECORDER=$!
	wait_for out || fail "$1: no output: $(cat err)"
	sleep 0.5 # its first thread's end is in a frame
	PROGRAM=$(pgrep -P $RECORDER) || fail "$1: no program"
}

# incomplete REC: and it is said.
incomplete() {
	"$DEJA" cat "$1" 2>/dev/null | grep -q ' exit(5)' || fail "$1: the first thread's end is not in it"
	"$DEJA" info "$1" | grep -q '^Complete *no: ' || fail "$1: info says $("$DEJA" info "$1" | grep Complete)"
	[ "$(complete "$1")" = False ] || fail "$1: ps says that its process is complete"
	expect 123 "$DEJA" verify "$1"
	expect 123 "$DEJA" replay "$1"
}

# Its recorder is killed: it goes on. The same, and what was in memory is lost.
for rec in alone lost; do
	begin $rec
	kill -KILL $RECORDER
	quietly wait $RECORDER
	kill -0 "$PROGRAM" || fail "$rec: the program died"
	[ $rec = alone ] || rm -rf "$(readlink $rec/.session)"
	expect 0 "$DEJA" recover $rec
	kill -KILL "$PROGRAM"
	grep -q '^incomplete: ' stdout || fail "$rec: recover says $(cat stdout)"
	incomplete $rec
done

# The recording is to end there.
expect 5 "$DEJA" record -q --max-time 0.5s -o time -- "$last" short
expect 0 "$DEJA" verify time
"$DEJA" record -q --max-time 0.5s -o time_stays -- "$last" stays >out 2>err </dev/null &
RECORDER=$!
for ((i = 0; i < 250; i++)); do
	grep -q '^deja: .*--max-time' err && break
	sleep 0.02
done
kill -KILL "$(pgrep -P $RECORDER)"
quietly wait $RECORDER
incomplete time_stays
