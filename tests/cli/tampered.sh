# A recording altered in one place diverges at that event, with status 120 and a report; the
# program's output up to there is shown, nothing after it.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

tamper() { python3 "$TESTS/tamper.py" "$@" || fail "tamper.py $*"; }

# diverges REC EVENT: replay and verify stop there.
diverges() {
	expect 120 "$DEJA" replay "$1"
	has_line "diverged at event $2 of process"
	for word in 'expected:' 'got:' 'likely cause:'; do
		grep -q "$word" stderr || fail "$1: the report lacks '$word': $(cat stderr)"
	done
	expect 120 "$DEJA" verify "$1"
	has_line "diverged at event $2 of process"
	! grep -q '^OK' stdout || fail "$1: verify says OK of a recording that diverges"
}

expect 0 "$DEJA" record -q -o good -- "$CASES/random"
cp stdout recorded
expect 0 "$DEJA" verify good
copy() { rm -rf "$1" && cp -a good "$1"; }

copy plain
tamper count plain >count
expect 0 "$DEJA" verify plain
grep -qx "OK .*/.* events" stdout || fail "verify: $(cat stdout)"

copy outbound
diverges outbound "$(tamper flip outbound write)"
[ ! -s stdout ] || [ "$(cat stdout)" != "$(cat recorded)" ] || fail "the altered output was printed"

copy missing
diverges missing "$(tamper drop missing getrandom 2)"

copy ended
n=$(tamper end ended)
expect 120 "$DEJA" verify ended
has_line "diverged at event $n of process"

# Digests instead of bytes are checked just as well.
expect 0 "$DEJA" record -q --outbound digest -o digest -- "$CASES/random"
cp stdout recorded
expect 0 "$DEJA" replay digest
cmp -s stdout recorded || fail "--outbound digest: the replay prints something else"
n=$(tamper flip digest write)
diverges digest "$n"

# Another program in the place of the recorded one, its hash entry true.
cat >one.c <<'C'
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	printf("%s %d\n", WORD, getpid());
	return 0;
}
C
gcc -DWORD='"one"' -o one one.c && gcc -DWORD='"two"' -o two one.c || fail "gcc"
expect 0 "$DEJA" record -q -o one.rec -- ./one
expect 0 "$DEJA" record -q -o two.rec -- ./two
cp -a two.rec result
tamper result result getpid >/dev/null
expect 120 "$DEJA" replay result
has_line 'diverged at event [0-9]+ of process.*other bytes'
tamper swap one.rec two.rec /one /two
rm one two
expect 120 "$DEJA" replay one.rec
has_line 'diverged at event [0-9]+ of process'

# The stored program damaged: that is seen before anything runs.
cp two.rec/f/* .  2>/dev/null
expect 0 "$DEJA" replay two.rec
for f in two.rec/f/*; do
	if cmp -s -n 4 "$f" /bin/true && grep -q 'two %\|two' "$f" && [ "$(stat -c %s "$f")" -lt 100000 ]; then
		chmod u+w "$f"
		printf 'X' | dd of="$f" bs=1 seek=5000 conv=notrunc status=none
	fi
done
got=0
limit "$DEJA" replay two.rec >stdout 2>stderr </dev/null || got=$?
[ $got = 120 ] || [ $got = 121 ] || fail "a damaged stored program: status $got: $(cat stderr)"
has_line '.'
