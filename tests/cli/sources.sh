# Sources and separate debug info travel in a recording: kept by `deja record --sources`, or added
# later; where the program, its debug info and its sources are gone, gdb shows the lines.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"
export XDG_CACHE_HOME=$PWD/cache

command -v gdb >/dev/null || skip "gdb is not installed"
command -v objcopy >/dev/null || skip "objcopy is not installed"
mkdir -p src/sub src/made .debug
cat >src/prog.c <<'C'
#include "sub/sum.h"
int main(void)
{
	volatile int *nowhere = (int *)8;
	return sum(3) + *nowhere; /* it crashes here */
}
C
cat >src/sub/sum.h <<'C'
static int sum(int n)
{
	return n ? n + sum(n - 1) : 0; /* a header's line */
}
C
echo 'int table[] = {1, 2, 3};' >src/gone.c
# named with "..", as build directories do
(cd src/made && gcc -g -O0 -o ../../prog ../prog.c ../gone.c -I..) || skip "no compiler"
objcopy --only-keep-debug prog .debug/prog.debug && objcopy --strip-debug --add-gnu-debuglink=.debug/prog.debug prog ||
	fail "objcopy"
rm src/gone.c

crashes() { # REC OPTION...
	local status=0 rec=$1
	shift
	quiet_limit "$DEJA" record -q "$@" -o "$rec" -- ./prog 2>stderr || status=$?
	[ $status = 139 ] || fail "recording: status $status: $(cat stderr)"
}
crashes kept --sources
crashes later
before=$(find later | sort)

# The list: what there is, here and in the recording.
expect 0 "$DEJA" sources later
grep -q "^$PWD/prog: debug info found here: $PWD/.debug/prog.debug$" stdout || fail "no debug info: $(cat stdout)"
grep -qE '^  found +.*/src/made/\.\./prog\.c$' stdout || fail "prog.c is not found: $(cat stdout)"
grep -qE '^  missing +.*/gone\.c$' stdout || fail "gone.c is not missing: $(cat stdout)"
[ "$(find later | sort)" = "$before" ] || fail "listing changed the recording"
expect 0 "$DEJA" sources kept
grep -q "^$PWD/prog: debug info stored beside it$" stdout || fail "kept: $(cat stdout)"
[ "$(grep -cE '^  stored +.*(/prog\.c|/sum\.h)$' stdout)" = 2 ] || fail "kept: $(cat stdout)"
expect 0 "$DEJA" sources --json kept
python3 - <<'P' || fail "JSON: $(cat stdout)"
import json
d = json.load(open("stdout"))
prog = [p for p in d["programs"] if p["path"].endswith("/prog")][0]
assert prog["debug"] == "stored" and len(prog["build_id"]) == 40
state = {s["path"].rsplit("/", 1)[1]: s["state"] for s in d["sources"]}
assert state["prog.c"] == state["sum.h"] == "stored" and state["gone.c"] == "missing", state
P
expect 0 "$DEJA" info kept
grep -qE '^Sources  *[0-9]+ stored, ' stdout && grep -qE '^Debug info  *[1-9][0-9]* stored, .*iB' stdout || fail "info: $(cat stdout)"

# Packed; program, debug info and sources gone.
expect 0 "$DEJA" pack -o kept.deja kept
mkdir moved
mv src moved/elsewhere
rm -rf kept prog
shows() { # REC: the lines, the frames' places and the locals
	limit "$DEJA" gdb -g crash "$1" -batch -ex list -ex bt -ex 'print nowhere' -ex 'list sum' -ex 'info source' >gdb.out 2>&1 </dev/null
	grep -q '^5.*it crashes here' gdb.out || fail "$1: no line: $(cat gdb.out)"
	grep -q '^3.*a header.s line' gdb.out || fail "$1: no line of the header: $(cat gdb.out)"
	grep -qE '^#0 .* main \(\) at .*prog\.c:5$' gdb.out || fail "$1: no frame: $(cat gdb.out)"
	grep -qF '= (volatile int *) 0x8' gdb.out || fail "$1: no variable: $(cat gdb.out)"
}
mv .debug debug.away
shows kept.deja
expect 0 "$DEJA" sources kept.deja
grep -q "/prog: debug info stored beside it$" stdout || fail "the bundle: $(cat stdout)"

# Without, gdb knows no line; they are added later, from another place.
limit "$DEJA" gdb -g crash later -batch -ex list >gdb.out 2>&1 </dev/null
! grep -q 'it crashes here' gdb.out || fail "the recording without sources has lines: $(cat gdb.out)"
mv debug.away .debug
expect 0 "$DEJA" sources --add=moved/elsewhere later
grep -qE '^later: [0-9]+ sources and [0-9]+ files? of debug info added; [0-9]+ sources? (is|are) missing$' stdout || fail "--add: $(cat stdout)"
[ "$(stat -c %a later/sources later/sources/files)" = "$(printf '700\n600')" ] || fail "modes"
rm -rf .debug moved
shows later
expect 0 "$DEJA" sources --add later
expect 0 "$DEJA" verify --env later
# A shortened copy has them, a redacted one has not.
expect 0 "$DEJA" trim --until '#1' -o short later
[ -s short/sources/files ] || fail "trim lost the sources"

# What cannot be done, in one line.
expect 125 "$DEJA" sources --add kept.deja
one_line 'unpack'
expect 125 "$DEJA" sources --add=nowhere later
one_line 'nowhere: No such file'
expect 121 "$DEJA" sources ./nothing
one_line 'no such recording'
# A program that is none, an index that is damaged.
echo damaged >later/sources/files
expect 121 "$DEJA" sources later
one_line 'index is damaged'
# What is named is no text: not taken.
mkdir binary && cd binary || exit 1
printf 'int main(void) { return 0; }\n#line 1 "%s"\nint x;\n' "$PWD/secret.bin" >p.c
gcc -g -o p p.c && head -c 4096 /dev/urandom >secret.bin
expect 0 "$DEJA" record -q --sources -o rec -- ./p
expect 0 "$DEJA" sources rec
grep -qE '^  missing +.*/secret.bin$' stdout && grep -qE '^  stored +.*/p.c$' stdout || fail "binary: $(cat stdout)"
exit 0
