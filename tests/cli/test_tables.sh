# tests/THREADS.md and tests/FAULTS.md name tests that there are.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

"$TESTS/run" --list >all || fail "the tests cannot be listed"
grep -oE '`(cases|programs|servers|cli|unit)/[a-z0-9_]+`' "$TESTS/THREADS.md" "$TESTS/FAULTS.md" -h | tr -d '`' | sort -u >named
[ "$(wc -l <named)" -gt 50 ] || fail "the tables name $(wc -l <named) tests only"
while read -r test; do
	grep -qxF "$test" all || fail "$test is named in a table, and is not there"
done <named
