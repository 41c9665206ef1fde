# `deja workspace`: what it writes for the C/C++ extension is started and driven by gdb's machine
# interface as the extension does; what it writes for CodeLLDB by lldb, where there is one.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v gdb >/dev/null || skip "gdb is not installed"
cat >prog.c <<'C'
#include <stdio.h>
#include <time.h>
static long twice(long n)
{
	long result = 2 * n;
	return result;
}
int main(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	printf("%ld\n", twice(ts.tv_nsec));
	return 0;
}
C
gcc -g -O0 -o prog prog.c || skip "no compiler"
mkdir 'a dir'
limit "$DEJA" record -q -o 'a dir/my rec' -- ./prog >out || fail "recording failed"
expect 0 "$DEJA" workspace -o 'a dir/vs' 'a dir/my rec'
file=$(cat stdout)
[ "$file" = "$PWD/a dir/vs/my rec.code-workspace" ] || fail "it says $file"
nsec=$(($(cat out) / 2))
for round in 1 2; do
	limit python3 "$ROOT/tests/mi_client.py" "$file" prog.c:6 n result >mi || fail "round $round: $(cat mi)"
	printf '%s\n' 'entry main' 'breakpoint-hit twice 6' 'frames twice main' \
		"n = $nsec" "result = $((2 * nsec))" 'next end-stepping-range' >want
	cmp -s mi want || fail "round $round: $(diff mi want | head -4)"
done
# Again over the old one; nothing of a replay stays behind.
expect 0 "$DEJA" workspace -o 'a dir/vs' 'a dir/my rec'
expect 121 "$DEJA" workspace ./nothing
one_line 'no such recording'

# lldb as the system has it may lack its Python.
lldb_python=$(find /usr/lib/llvm-*/lib/python3*/dist-packages/lldb/__init__.py 2>/dev/null | tail -1)
export PYTHONPATH=${lldb_python%/lldb/*}
if command -v lldb >/dev/null && lldb -b -o 'script print(6 * 7)' 2>/dev/null | grep -q '^42$'; then
	python3 - "$file" >commands <<'PY'
import json, sys
c = next(c for c in json.load(open(sys.argv[1]))["launch"]["configurations"] if c["type"] == "lldb")
for one in c["initCommands"] + c["targetCreateCommands"] + c["processCreateCommands"]:
    print(one)
PY
	printf '%s\n' 'breakpoint set -f prog.c -l 6' continue 'frame variable' >>commands
	limit lldb -b -s commands >lldb.out 2>&1 </dev/null || fail "lldb: $(cat lldb.out)"
	grep -q "(long) result = $((2 * nsec))" lldb.out || fail "lldb: $(tail -5 lldb.out)"
else
	echo "note: no lldb with Python here: CodeLLDB's configuration was not tried"
fi
