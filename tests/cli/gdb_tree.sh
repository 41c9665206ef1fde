# `deja gdb` in a tree of processes and threads: every child, also one that was forked without
# exec, with its stack and values; gdb follows a fork; the crash of a child is found; threads have
# the ids that they had; two runs agree at every stop.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v gdb >/dev/null || skip "gdb is not installed"
cat >tree.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static int child(int n)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	int drawn = (int)(ts.tv_nsec % 1000) + n;
	printf("child %d drew %d\n", n, drawn);
	fflush(stdout);
	if (n == 2)
		abort();
	return 10 + n;
}
static void *worker(void *arg)
{
	usleep(1000);
	return arg;
}
int main(void)
{
	pthread_t t[2];
	int status;
	for (long i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, worker, (void *)i);
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			exit(child(i));
	for (int i = 0; i < 3; i++)
		wait(&status);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	return 0;
}
C
gcc -g -O0 -o tree tree.c -lpthread || skip "no compiler"
limit "$DEJA" record -q -o rec -- ./tree >out || fail "recording"
gdb_in() { limit "$DEJA" gdb "$@" -batch 2>&1 </dev/null; }
mapfile -t children < <("$DEJA" ps rec | awk '/_ \(/ { print $1 }')
[ ${#children[@]} = 3 ] || fail "not three children: $("$DEJA" ps rec)"

# Each child by its pid: the breakpoint, the stack, the value that it printed then, its end.
for i in 0 1 2; do
	for round in 1 2; do
		gdb_in --pid "${children[i]}" rec -ex 'break tree.c:13' -ex continue -ex bt -ex 'print drawn' -ex 'print ts' -ex 'deja when' \
			-ex continue >child.$round
	done
	grep -q "^#0  child (n=$i) at tree.c:13" child.1 && grep -qE '^#1 .* main \(\) at tree.c:' child.1 || fail "child $i: $(cat child.1)"
	grep -qx "child $i drew $(sed -n 's/^\$1 = //p' child.1)" out || fail "child $i: another value: $(cat child.1 out)"
	grep -q "thread ${children[i]} of process ${children[i]}\$" child.1 || fail "child $i: $(cat child.1)"
	[ "$(grep -E '^(#|\$|event)' child.1)" = "$(grep -E '^(#|\$|event)' child.2)" ] || fail "child $i: two runs differ: $(diff child.1 child.2)"
	if [ $i = 2 ]; then grep -q 'received signal SIGABRT' child.1; else grep -qE "exited with code 1?0?$(printf %o $((10 + i)))" child.1; fi ||
		fail "child $i: another end: $(tail -3 child.1)"
done

# gdb goes with a fork: the child's own events.
gdb_in rec -ex 'set follow-fork-mode child' -ex 'break child' -ex continue -ex bt -ex 'deja when' -ex 'deja next-event' -ex 'deja when' \
	-ex 'deja events 1' -ex 'deja run-to 1' >followed
grep -qE "^event [0-9]+ of [0-9]+, .* of process ${children[0]}\$" followed || fail "followed: $(cat followed)"
[ "$(grep -cE "^event .* of process ${children[0]}\$" followed)" = 2 ] && [ "$(grep '^event' followed | sort -u | wc -l)" = 2 ] ||
	fail "followed: the next event: $(cat followed)"
grep -q "^=> .*${children[0]} " followed || fail "followed: events: $(cat followed)"
grep -q "deja gdb --pid ${children[0]}" followed || fail "followed: going back: $(tail -2 followed)"
! grep -q 'Exception' followed || fail "followed: $(cat followed)"

# gdb keeps both sides of a fork: they go on together.
rounds=()
for _ in 1 2 3 4 5 6; do rounds+=(-ex 'inferior 1' -ex continue); done
gdb_in rec -ex 'set detach-on-fork off' "${rounds[@]}" >both
grep -q 'exited with code 012' both && grep -q 'exited with code 013' both && grep -q 'received signal SIGABRT' both &&
	grep -q 'Inferior 1 .* exited normally' both || fail "both sides of a fork: $(cat both)"

# The crash is in a child.
gdb_in -g crash rec -ex bt >crash
grep -q 'received signal SIGABRT' crash && grep -qE '^#[0-9]+ .* child \(n=2\) at tree.c:' crash || fail "crash: $(cat crash)"

# Threads by the ids that they had.
mapfile -t threads < <("$DEJA" cat --call clone rec | sed -n 's/.*CLONE_THREAD.* = //p')
gdb_in rec -ex 'break worker' -ex continue -ex 'info threads' -ex continue -ex 'info threads' >threads
for tid in "${threads[@]}"; do
	grep -q "\"$tid tree\"" threads || fail "no thread $tid: $(cat threads)"
done

# Moments as the other commands print and take them.
at=$("$DEJA" cat --call wait4 -n rec | head -1)
event=${at%% *} time=$(awk '{ print $2 }' <<<"$at")
for where in "$event" "$time" "${time}s" "${event#*#}"; do
	# what another thread is served before this one goes on counts
	gdb_in -g "$where" rec -ex 'deja when' -ex bt >at
	stood=$(sed -n 's/^event \([0-9]*\) of.*/\1/p' at)
	[ "${stood:-0}" -ge "${event#*#}" ] && [ "$stood" -le $((${event#*#} + 3)) ] || fail "-g $where is not event $event: $(cat at)"
	grep -qE '^#[0-9]+ .*wait' at && grep -qE '^#[0-9]+ .* main \(\)' at || fail "-g $where is not at $event: $(cat at)"
done
exit 0
