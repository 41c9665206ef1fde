# `deja gdb`: a crashed program with threads shows the same backtrace and variables as the core
# of the original run, in every run; events, times and processes are found; stepping stays in
# the program.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v gdb >/dev/null || skip "gdb is not installed"
command -v gcc >/dev/null || skip "gcc is not installed"
printf 'mode=fast\n' >conf
cat >crash.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
struct node { int value; struct node *next; char name[16]; };
static struct node *list;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
__thread int depth;
static int sum(const struct node *n, int so_far)
{
	depth++;
	if (n->value < 0)
		return n->next->value; /* crashes */
	return sum(n->next, so_far + n->value);
}
static void *worker(void *arg)
{
	long id = (long)arg;
	struct timespec ts;
	for (int i = 0; i < 5; i++) {
		struct node *n = malloc(sizeof(*n));
		clock_gettime(CLOCK_REALTIME, &ts);
		n->value = (int)(ts.tv_nsec % 1000);
		snprintf(n->name, sizeof(n->name), "w%ld-%d", id, i);
		pthread_mutex_lock(&lock);
		n->next = list;
		list = n;
		pthread_mutex_unlock(&lock);
		usleep(100);
	}
	if (id == 2) {
		struct node end = {-1, NULL, "end"};
		struct node *n = list;
		while (n->next)
			n = n->next;
		n->next = &end;
		printf("%d\n", sum(list, 0));
	}
	return NULL;
}
int main(int argc, char **argv)
{
	pthread_t t[3];
	char config[32] = "none";
	FILE *f = fopen(argv[1], "r");
	if (!f || !fgets(config, sizeof(config), f))
		return 1;
	fclose(f);
	printf("config %s", config);
	for (long i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, worker, (void *)i);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	return 0;
}
C
gcc -g -O0 -o crash crash.c -lpthread || fail "gcc"
gdb_in() { # REC GDB-OPTION...; what the program prints is no part of the comparison
	limit "$DEJA" gdb "$@" -batch 2>&1 </dev/null
}

mkdir run
status=0
(cd run && ulimit -c unlimited && quiet_limit "$DEJA" record -q -o ../rec -- ../crash ../conf >/dev/null) || status=$?
[ $status = 139 ] || fail "the victim did not crash: $status"
rm conf
look=(-ex 'bt' -ex 'print *n' -ex 'print so_far' -ex 'up 2' -ex 'print *n' -ex 'info locals' -ex 'frame function worker'
	-ex 'print ts' -ex 'print end' -ex 'print id')
gdb_in -g crash rec "${look[@]}" -ex 'print depth' >first
gdb_in -g crash rec "${look[@]}" -ex 'print depth' >second
cmp -s first second || fail "two runs differ: $(diff first second | head -4)"
grep -q 'received signal SIGSEGV' first || fail "no SIGSEGV: $(head -5 first)"
grep -q '^#0 .*sum (n=0x[0-9a-f]*, so_far=[0-9]*) at crash.c:14' first || fail "no frame: $(grep '^#' first | head -3)"
[ "$(tail -1 first)" = "\$7 = $(grep '^#.* sum (' first | awk '{ print $1 }' | sort -u | wc -l)" ] || fail "thread-local storage: $(tail -1 first)"
! grep -qE 'dj_|preload/|replayer/' first || fail "our frames are shown: $(grep -E 'dj_|preload/' first | head -3)"
core=$(find run -type f | head -1)
if [ -n "$core" ]; then # as the kernel was told to name it
	(cd run && gdb -batch "${look[@]}" ../crash "../$core" >../core.out 2>/dev/null)
	grep -E '^(#|\$)' core.out >core.values
	grep -E '^(#|\$)' first | sed '$d' >values
	# the first line of each is the frame itself, said twice
	cmp -s <(uniq core.values) <(uniq values) || fail "the core differs: $(diff <(uniq core.values) <(uniq values) | head -4)"
else
	echo "note: no core file was made here: compared with none"
fi

# All threads, wherever they wait.
gdb_in -g crash rec -ex 'thread apply all bt' >threads
[ "$(grep -c ' main (' threads)" = 1 ] || fail "main is not in its thread's stack: $(cat threads)"
! grep -qE 'dj_|preload/|replayer/' threads || fail "our frames are shown: $(grep -E 'dj_|preload/' threads | head -3)"

# Main, a breakpoint, a watchpoint, stepping over calls: never into us.
gdb_in rec -ex 'info args' -ex 'next 3' -ex 'print config' -ex 'step' -ex 'step 60' -ex 'bt' -ex 'break worker' -ex continue \
	-ex 'watch list' -ex continue -ex 'deja when' >steps
grep -q '^argc = 2' steps || fail "not in main: $(head -3 steps)"
grep -q '= "mode=fast' steps || fail "stepping lost its way: $(cat steps)"
grep -q 'Breakpoint.*worker (arg=' steps || fail "the breakpoint was not met: $(tail -8 steps)"
grep -q 'New value = .*struct node' steps || fail "the watchpoint was not met: $(tail -8 steps)"
grep -qE '^event [0-9]+ of [0-9]+, at [0-9.]+ s, thread [0-9]+ of process [0-9]+$' steps || fail "deja when: $(tail -1 steps)"
! grep -qE 'dj_|preload/|replayer/' steps || fail "stepped into us: $(grep -E 'dj_|preload/|replayer/' steps)"

# Events.
read_event=$("$DEJA" gdb --events 1 1 100000 rec | awk '/ read\(.*mode=fast/ { print $1; exit }')
gdb_in -g "$read_event" rec -ex 'deja when' -ex 'bt' -ex 'deja payload' -ex 'deja events 1' -ex 'deja next-event' -ex 'deja when' \
	-ex "deja run-to $((read_event + 20))" -ex 'deja when' -ex "deja run-to $read_event" -ex 'deja when' -ex 'deja restart' \
	 -ex 'deja when' -ex "deja run-to 100000" >events
[ "$(grep -c "^event $read_event of" events)" = 3 ] || fail "event $read_event: $(cat events)"
grep -q "^event $((read_event + 1)) of" events || fail "the next event: $(grep ^event events)"
grep -qE "^event ($((read_event + 20))|$((read_event + 21))|$((read_event + 22))) of" events || fail "run-to: $(grep ^event events)"
grep -q '6d 6f 64 65 3d 66 61 73 74 0a' events || fail "payload: $(cat events)"
grep -q "^=> *$read_event .*read" events || fail "deja events: $(cat events)"
grep -q '^#[0-9]* .* main (' events || fail "no stack at an event: $(cat events)"
grep -q 'events go from 1 to' events || fail "no bound: $(tail -2 events)"
time=$("$DEJA" gdb --events 1 "$read_event" 1 rec | awk '{ print $3 }')
gdb_in -g "$time" rec -ex 'deja when' | grep -q "^event $read_event of" || fail "-g $time is not event $read_event"

# A tree: any of its processes.
limit "$DEJA" record -q -o tree -- sh -c '(read x; echo "got $x") <rec/header | tr a-z A-Z | wc -c; exit 3' >/dev/null || :
wc=$("$DEJA" ps tree | awk '/_ wc -c/ { print $1 }')
gdb_in --pid "$wc" tree -ex 'deja when' -ex 'continue' >child
grep -q "of process $wc\$" child || fail "--pid $wc: $(cat child)"
grep -q 'exited normally' child || fail "--pid $wc does not end: $(cat child)"
forked=$("$DEJA" ps tree | awk '/_ \(sh -c/ { print $1; exit }')
gdb_in --pid "$forked" tree -ex 'deja when' -ex 'continue' >child
grep -q "^event 1 of .*process $forked\$" child || fail "--pid $forked: $(cat child)"

# A signal raised by the program itself is met where the program stands.
cat >abort.c <<'C'
#include <stdlib.h>
static void check(int n) { if (n) abort(); }
int main(void) { check(1); return 0; }
C
gcc -g -O0 -o abort abort.c
quiet_limit "$DEJA" record -q -o arec -- ./abort || :
gdb_in -g crash arec -ex bt >abort.out
grep -q 'received signal SIGABRT' abort.out || fail "abort: $(cat abort.out)"
grep -q '^#[1-9] .* check (n=1) at abort.c:2' abort.out || fail "abort: $(cat abort.out)"
grep -q '^#0 .*pthread_kill\|^#0 .*raise' abort.out || fail "abort does not stand in libc: $(cat abort.out)"

# What cannot be replayed ends at once, with the reason.
cp -a arec damaged && stored=$(python3 "$TESTS/tamper.py" where damaged /abort) && rm -f "$stored"
status=0
limit "$DEJA" gdb damaged -batch >out 2>&1 </dev/null || status=$?
[ $status != 124 ] && [ $status != 0 ] && grep -q '^deja: ' out || fail "a recording without its program: status $status: $(cat out)"

# What there is not, in one line.
expect 125 "$DEJA" gdb -g 100000 rec
one_line 'no event 100000: its last is'
expect 125 "$DEJA" gdb -g crash tree
one_line 'no crash.*exit 3'
expect 125 "$DEJA" gdb -g nonsense rec
one_line 'is no moment.*start.*crash'
expect 125 "$DEJA" gdb --pid 1 rec
one_line 'no process 1 '
expect 121 "$DEJA" gdb ./nothing
one_line 'no such recording'
[ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'deja-gdb-*' -user "$(id -u)" -newer crash.c 2>/dev/null)" ] ||
	fail "gdb's directory was left behind"
