# A replay whose processes wait for each other for ever says who waits for what, and ends.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

# The child goes away as it never should; its parent waits for its output.
# Of the replay's descendants it is the one whose parent runs the same program.
find_child() {
	local p above name i
	child=
	for ((i = 0; i < 1000 && ${#child} == 0; i++)); do
		kill -0 $replay 2>/dev/null || return
		p=$replay above=
		while p=$(cat "/proc/$p/task/$p/children" 2>/dev/null) && p=${p%% *} && [ -n "$p" ]; do
			name=$(cat "/proc/$p/comm" 2>/dev/null)
			[ "$name" != slow ] || [ "$above" != slow ] || { child=$p parent=$q; }
			above=$name q=$p
		done
		sleep 0.01
	done
	[ -n "$child" ]
}

cat >slow.c <<'C'
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	if (!fork()) {
		for (volatile long i = 0; i < COUNT; i++)
			;
		write(1, "child\n", 6);
		_exit(0);
	}
	wait(NULL);
	write(1, "parent\n", 7);
	return 0;
}
C
# a second and a half of the processor's time: a machine that is busy takes longer
built() { ${CC:-cc} -O1 "-DCOUNT=$1" -o slow slow.c; }
built 200000000L || skip "no compiler"
TIMEFORMAT=%U
{ time ./slow >/dev/null; } 2>took
built "$(awk '{ printf "%.0fL", 200000000 * 1.5 / ($1 + 0.01) }' took)" || fail "cc"
limit "$DEJA" record -q -o rec -- ./slow >out || fail "recording failed"
DEJA_WATCHDOG=2 limit "$DEJA" replay rec >stdout 2>stderr &
replay=$!
find_child || { wait $replay; skip "the child was not found in time"; }
kill -9 "$child"
status=0
wait $replay || status=$?
[ $status = 120 ] || fail "status $status, not 120: $(cat stderr)"
grep -q '^deja: the replay makes no progress' stderr || fail "not said: $(cat stderr)"
grep -q "waits for another process's output" stderr || fail "who waits is not said: $(cat stderr)"
grep -q 'is due: ' stderr || fail "the head of the stream is not shown: $(cat stderr)"

# A replay that is killed itself leaves none of its processes behind.
"$DEJA" replay rec >stdout 2>stderr &
replay=$!
find_child || { wait $replay; skip "the child was not found in time"; }
kill -9 "$child"
kill -9 $replay
quietly wait $replay
gone() { ! kill -0 "$parent" 2>/dev/null; }
! until_true 10 gone || exit 0
kill -9 "$parent"
fail "a process of the killed replay lives on"
