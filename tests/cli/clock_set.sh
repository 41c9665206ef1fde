# CLOCK_REALTIME is set forwards and backwards by a day, again and again, while a recording is made: as
# the recorder sees it, and the program, both by a library first in the way (the machine's own clock is
# left alone; the runtime in the program makes its calls itself, and has no other clock than the
# monotonic one and the counter, which is looked up in its source here). Limits, times and durations
# are those of the monotonic clock; the program's readings replay.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"
own_shm # for this deja what others have left just now is a day old, and swept

cat >jumps.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
/* Another day at each call. */
static long shift(void)
{
	static long n;
	return n++ % 2 ? -86400 : 86400;
}
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int rc = real(clock, ts);
	if (!rc && clock == CLOCK_REALTIME)
		ts->tv_sec += shift();
	return rc;
}
time_t time(time_t *t)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return t ? (*t = ts.tv_sec) : ts.tv_sec;
}
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec, tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
C
gcc -shared -fPIC -O1 -o jumps.so jumps.c || fail "it does not compile"
cat >clocks.pl <<'P'
use Time::HiRes qw(time); $| = 1;
for (1 .. $ARGV[0]) { printf "%.6f %d\n", time, $_; select undef, undef, undef, 0.02 }
exit 6;
P

export LD_PRELOAD=$PWD/jumps.so
expect 6 "$DEJA" record -q -o rec -- perl clocks.pl 40
unset LD_PRELOAD
[ "$(cut -c1-5 stdout | sort -u | wc -l)" -gt 1 ] || fail "the program's clock does not jump: $(head -2 stdout)"
cp stdout recorded
expect 6 "$DEJA" replay rec
cmp -s stdout recorded || fail "another output replayed"
expect 0 "$DEJA" verify rec
expect 0 "$DEJA" info --json rec
python3 -c '
import json
h = json.load(open("stdout"))
assert 0.5 < h["duration_ns"] / 1e9 < 30, h["duration_ns"]' || fail "duration: $(grep -o 'duration[^,]*' stdout)"
"$DEJA" cat --jsonl rec | python3 -c '
import json, sys
last = 0.0
for line in sys.stdin:
    e = json.loads(line)
    assert last <= e["time"] < 30 and 0 <= e.get("dur", 0) < 30, line[:200]
    last = e["time"]
assert last > 0.5, last' || fail "times"
expect 0 "$DEJA" at rec 0.5s
# a limit is as long as it says
export LD_PRELOAD=$PWD/jumps.so
expect 6 "$DEJA" record -q -o limited --max-time 2s -- perl clocks.pl 250
unset LD_PRELOAD
expect 123 "$DEJA" replay limited
lines=$(wc -l <stdout)
[ "$lines" -gt 5 ] && [ "$lines" -lt 240 ] || fail "--max-time 2s recorded $lines lines of 250 in 5 s"

# The program's own readings are all that the runtime has to do with CLOCK_REALTIME.
! grep -nE 'SYS_clock_gettime, *(0|CLOCK_REALTIME)|SYS_gettimeofday, *[^-]*0\)|SYS_time,' "$ROOT"/preload/*.c "$ROOT"/preload/recorder/*.c "$ROOT"/replayer/*.c >reads ||
	fail "the runtime reads the time of day: $(cat reads)"
