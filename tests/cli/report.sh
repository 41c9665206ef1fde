# The report of a divergence: each cause that it can name is provoked, and named; the thread's
# last ten events, both stacks, and everything as JSON.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

# cause ID REC: replaying REC diverges, the report names the cause; ./report.json is left.
cause() {
	local status=0
	rm -f report.json
	limit "$DEJA" replay --report report.json "$2" >stdout 2>stderr </dev/null || status=$?
	[ $status = 120 ] || fail "$2: status $status, not 120: $(cat stderr)"
	[ "$(json cause id)" = "$1" ] || fail "$2: the cause is $(json cause id), not $1: $(cat stderr)"
	grep -qF "likely cause: $(json cause text)" stderr || fail "$2: text and JSON name different causes"
	[ "$1" = unknown ] || grep -q 'what to do: .' stderr || fail "$2: it does not say what to do"
}
json() { python3 -c 'import json, sys
value = json.load(open("report.json"))
for key in sys.argv[1:]:
    value = value[int(key) if key.isdigit() else key]
print(value)' "$@"; }

cat >prog.c <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((noinline)) static void say(const char *what, long value)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %ld\n", what, value);
	if (write(1, line, n) != n)
		exit(9);
}
int main(int argc, char **argv)
{
	for (int i = 0; i < 20; i++)
		getppid();
#ifdef TSC
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	say("tsc", (long)((uint64_t)high << 32 | low));
#endif
#ifdef SHARED
	int fd = open(argv[1], O_RDWR);
	volatile long *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say("mapped", 0);
	while (!*memory) /* another process writes it */
		usleep(1000);
	say("shared", *memory);
#endif
#ifdef URING
	say("uring", syscall(425, 8, NULL));
#endif
	say("pid", getpid());
	return 0;
}
C
gcc -O1 -o plain prog.c && gcc -O1 -DTSC -o tsc prog.c &&
	gcc -O1 -DTSC -s -fno-asynchronous-unwind-tables -o bare prog.c && gcc -O1 -DSHARED -o shared prog.c && gcc -O1 -DURING -o uring prog.c ||
	skip "no compiler"
limit "$DEJA" record -q --stacks -o good -- ./plain >/dev/null || fail "recording"
copy() { rm -rf "$1" && cp -a "${2:-good}" "$1"; }

# No evidence for anything: one byte that was sent differs.
copy flipped
event=$(tamper flip flipped write)
cause unknown flipped
[ "$(json event)" = "$event" ] && [ "$(json kind)" = 3 ] && [ "$(json difference name)" = buf ] || fail "flipped: $(cat report.json)"
[ "$(json before 9 event)" = $((event - 1)) ] || [ "$(json before 9 event)" = $((event - 2)) ] || fail "not the last ten: $(json before)"
[ "$(sed -n '/before it/,/stack of/p' stderr | grep -c '^    ')" = 10 ] || fail "not ten events: $(cat stderr)"
json got | grep -q '^write(1, "pid' || fail "got: $(json got)"
json expected | grep -q '^write(1, ' || fail "expected: $(json expected)"
sed -n '/stack of the program here/,/as recorded/p' stderr | grep -q ' main+0x' || fail "no stack here: $(cat stderr)"
sed -n '/as recorded/,/likely/p' stderr | grep -q ' say+0x' || fail "no recorded stack: $(cat stderr)"
json recorded stack | grep -q "'say'" || fail "no recorded stack in JSON: $(json recorded)"
json stack | grep -q ' say+0x' || fail "no stack in JSON: $(json stack)"

# An executable that is not what was stored.
copy changed
rm plain
stored=$(tamper where changed /plain)
chmod u+w "$stored"
cp "$stored" copied && rm "$stored" && cp copied "$stored" # it may be a link into a store
printf X | dd of="$stored" bs=1 seek=$(($(grep -abo '%s %ld' "$stored" | head -1 | cut -d: -f1) + 2)) conv=notrunc status=none
cause changed_file changed
json cause text | grep -q '/plain is not what it was' || fail "changed: $(json cause text)"
grep -q 'first difference at byte 3' stderr && grep -q '^    expected 000000  70 69 64 20' stderr && grep -q '^    got      000000  70 69 64 58' stderr ||
	fail "changed: no bytes: $(cat stderr)"

# A library that is not.
echo 'const char *word(void) { return "the library says so"; }' >word.c
printf '#include <stdio.h>\nconst char *word(void);\nint main(void) { puts(word()); return 0; }\n' >uses.c
gcc -shared -fPIC -o libword.so word.c && gcc -o uses uses.c -L. -lword -Wl,-rpath,"$PWD" || fail "no library"
limit "$DEJA" record -q -o library -- ./uses >/dev/null || fail "recording"
stored=$(tamper where library /libword.so)
cp "$stored" copied && chmod u+w copied && rm "$stored" && sed -i 's/the library says so/the library says no/' copied && cp copied "$stored"
cause changed_file library
json cause text | grep -q '/libword.so is not what it was' || fail "library: $(json cause text)"

# Events that the header knows of are gone.
copy missing
cp missing/header header
tamper drop missing getpid >/dev/null
cp header missing/header
cause missing_event missing

# Memory that others write to.
head -c 4096 /dev/zero >memory
limit "$DEJA" record -q -o shared.rec -- ./shared memory >shared.out &
recorder=$!
wait_for shared.out
printf '\007' | dd of=memory conv=notrunc status=none
wait $recorder
grep -q 'shared 7' shared.out || fail "the victim did not see it: $(cat shared.out)"
cause shared_memory shared.rec
json cause text | grep -q '/memory is mapped to be shared' || fail "shared memory: $(json cause text)"
# it stands in libc, where frames have no frame pointer
sed -n '/stack of the program here/,/likely/p' stderr | grep -q ' main+0x.* in shared' || fail "no stack: $(cat stderr)"

# The cycle counter: recorded where it is known to be an instruction, else a warning.
limit "$DEJA" record -q -o tsc.rec -- ./tsc >tsc.out 2>tsc.err || fail "recording"
[ ! -s tsc.err ] || fail "a false alarm: $(cat tsc.err)"
limit "$DEJA" replay tsc.rec >tsc.again </dev/null || fail "tsc: status $?"
cmp tsc.out tsc.again || fail "another counter in the replay"
limit "$DEJA" record -q -o bare.rec -- ./bare >/dev/null 2>bare.err || fail "recording"
grep -q '/bare seems to hold the instruction rdtsc .*--trap-tsc' bare.err || fail "no warning: $(cat bare.err)"
"$DEJA" info bare.rec | grep -q 'seems to hold the instruction rdtsc' || fail "no warning in info"
cause instruction bare.rec
json cause text | grep -q '/bare holds the instruction rdtsc' || fail "tsc: $(json cause text)"
limit "$DEJA" record -q --trap-tsc -o trapped.rec -- ./bare >tsc.out 2>bare.err || fail "recording"
[ ! -s bare.err ] || fail "a warning of what is recorded: $(cat bare.err)"
limit "$DEJA" replay trapped.rec >tsc.again </dev/null || fail "trapped: status $?"
cmp tsc.out tsc.again || fail "another counter in the replay"

# A call that deja refuses.
limit "$DEJA" record -q -o uring.rec -- ./uring >/dev/null || fail "recording"
tamper drop uring.rec 425 >/dev/null
cause unsupported uring.rec
json cause text | grep -q '^io_uring_setup' || fail "uring: $(json cause text)"

# Another processor.
copy cpu flipped
python3 - <<PY
import sys
sys.path.insert(0, "$TESTS")
from tamper import load, store
header = load("cpu/header")
header["cpu"] = "Another CPU 9000"
store("cpu/header", header)
PY
cause other_cpu cpu

# verify has it, too; no divergence, no report; a place that cannot be written is said.
expect 120 "$DEJA" verify --report v.json flipped
[ -s v.json ] || fail "verify wrote no report"
expect 0 "$DEJA" verify --report none.json good
[ ! -e none.json ] || fail "a report without a divergence"
expect 120 "$DEJA" verify --report nowhere/x flipped
has_line 'nowhere/x: No such file'
