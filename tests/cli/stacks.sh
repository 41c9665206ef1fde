# `deja record --stacks` keeps where calls were made from, `deja cat --stacks` shows it; for
# recordings without, it replays: the same frames, from the stored files alone.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >calls.c <<'C'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int plugin_write(const char *text);
static void inner(int depth)
{
	volatile char room[200] = {0};
	if (depth)
		inner(depth - 1);
	else
		getppid();
	room[0]++;
}
static void *thread_main(void *arg)
{
	inner(3);
	return arg;
}
__attribute__((noinline)) static void child_main(void)
{
	getpgrp();
	_exit(0);
}
int main(void)
{
	pthread_t t;
	void *lib = dlopen("./plugin.so", RTLD_NOW);
	int (*say)(const char *) = lib ? (int (*)(const char *))dlsym(lib, "plugin_write") : NULL;
	pthread_create(&t, NULL, thread_main, NULL);
	pthread_join(t, NULL);
	inner(1);
	if (!fork())
		child_main();
	wait(NULL);
	return say ? say("from the plugin\n") < 0 : 1;
}
C
echo '#include <string.h>
#include <unistd.h>
int plugin_write(const char *text) { return (int)write(1, text, strlen(text)) + 1; }' >plugin.c
gcc -O1 -o calls calls.c -lpthread && gcc -O1 -shared -fPIC -fno-optimize-sibling-calls -o plugin.so plugin.c || skip "no compiler"
limit "$DEJA" record -q --stacks -o with -- ./calls >out || fail "recording with stacks"
limit "$DEJA" record -q -o without -- ./calls >out || fail "recording"
rm calls plugin.so
mkdir empty && cd empty || exit 1
expect 0 "$DEJA" verify ../with
expect 0 "$DEJA" cat --stacks --call getppid,getpgrp,write ../with
cp stdout ../with.txt
expect 0 "$DEJA" cat --stacks --call getppid,getpgrp,write ../without
cp stdout ../without.txt
cd ..

names() { # what lies between the call and its process's or thread's bottom
	awk '/^ *[0-9.]+ [0-9\/]+ [a-z]/ { sub(/\(.*/, "", $3); print $3 } /^    #/ { print "  " $3 }' "$1" | sed 's/+0x[0-9a-f]*$//'
}
names with.txt >with.names
names without.txt >without.names
cmp -s with.names without.names || fail "recorded and replayed stacks differ: $(diff with.names without.names | head -5)"
# the first: the thread's; then main's, the child's, the plugin's
awk '/^getppid/ { n++ } n == 1' with.names | tr -d '\n' | grep -q 'getppid  inner  inner  inner  inner  thread_main' ||
	fail "the thread's stack: $(cat with.txt)"
awk '/^getppid/ { n++ } n == 2' with.names | tr -d '\n' | grep -q 'getppid  inner  inner  main .*  _start' || fail "main's stack: $(cat with.txt)"
tr -d '\n' <with.names | grep -q 'getpgrp *\(getpgrp *\)\?child_main  main' || fail "the child's stack: $(cat with.txt)"
tr -d '\n' <with.names | grep -q 'write  *_*write  plugin_write  main' || fail "the plugin's stack: $(cat with.txt)"
! grep -q 'libdeja' with.txt without.txt || fail "our frames are shown"

# Only some calls; every Nth; and how they are told.
limit "$DEJA" record -q --stacks=getcwd,getppid -o some -- sh -c 'cd /; pwd >/dev/null; echo $PPID' >/dev/null || fail "--stacks=CALLS"
expect 0 "$DEJA" cat --jsonl some
[ "$(grep -c '"kind":"stack"' stdout)" = "$(grep -cE '"call":"(getcwd|getppid)"' stdout)" ] || fail "other calls' stacks were kept"
expect 0 "$DEJA" cat --jsonl --stacks some
python3 - <<'PY' || fail "the JSON"
import json
for line in open("stdout"):
    e = json.loads(line)
    assert ("stack" in e) == (e.get("call") in ("getcwd", "getppid")), e
    for f in e.get("stack", []):
        assert f["ip"].startswith("0x") and "object" in f, f
PY
limit "$DEJA" record -q '--stacks=every 7' -o seventh -- ls / >/dev/null || fail "every 7"
expect 0 "$DEJA" cat --jsonl seventh
calls=$(grep -c '"call":' stdout) stacks=$(grep -c '"kind":"stack"' stdout)
[ $((calls / 7 - 2)) -le "$stacks" ] && [ "$stacks" -le $((calls / 7 + 1)) ] || fail "every 7: $stacks of $calls"
expect 0 "$DEJA" verify seventh
expect 0 python3 "$ROOT/tests/decode.py" seventh

expect 125 "$DEJA" record --stacks=nonsense -o x -- true
one_line "no system call 'nonsense'"
expect 125 "$DEJA" record '--stacks=every 0' -o x -- true
one_line "as in 'every 10'"
expect 125 "$DEJA" cat --stacks=nonsense some
one_line "no system call 'nonsense'"
[ ! -e x ] || fail "a recording was made"
