# Another program in the place of the recorded one, consistently stored, diverges at the first
# difference; a damaged stored file is refused; a changed result of a call is found where the
# program lets it out.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

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

# One byte of a stored program damaged: seen before anything runs.
expect 0 "$DEJA" replay two.rec
stored=$(tamper where two.rec /two)
chmod u+w "$stored"
printf X | dd of="$stored" bs=1 seek=$(($(grep -abo '%s %d' "$stored" | head -1 | cut -d: -f1))) conv=notrunc status=none
got=0
limit "$DEJA" replay two.rec >stdout 2>stderr </dev/null || got=$?
[ $got = 120 ] || [ $got = 121 ] || fail "a damaged stored program: status $got: $(cat stderr)"
has_line .
[ ! -s stdout ] || fail "the damaged program printed: $(cat stdout)"
