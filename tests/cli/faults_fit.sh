# Every patch of tests/faults fits the source and names a test that there is: `make check-faults` applies them.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v patch >/dev/null || skip "no patch"
count=0
for patch in "$ROOT"/tests/faults/*.patch; do
	patch -p1 -s -F2 --dry-run -d "$ROOT" <"$patch" >said 2>&1 || fail "${patch##*/} does not fit: $(head -1 said)"
	name=$(sed -n 's/^test: //p' "$patch")
	[ -n "$(find "$ROOT/tests" -path "*/$name.*" -print -quit)" ] || fail "${patch##*/}: no test $name"
	count=$((count + 1))
done
[ "$count" -gt 50 ] || fail "only $count patches"
