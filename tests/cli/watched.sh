# The rows that the table marks WATCHED are those that the recorder has a case for.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

grep -oE '^CALL\([0-9]+, [0-9]+, [a-z0-9_]+, [A-Z]+, [A-Z0-9_ |]*WATCHED' "$ROOT/tracefmt/calls.def" |
	cut -d, -f3 | tr -d ' ' | sort >rows
sed -n '/^long record_watched/,/^}/p' "$ROOT/preload/recorder/watched.c" |
	grep -oE 'case SYS_[a-z0-9_]+' | sed 's/case SYS_//' | sort >cases
[ -s rows ] || fail "no row is watched"
cmp -s rows cases || fail "rows and cases differ: $(diff rows cases | grep '^[<>]' | tr '\n' ' ')"
