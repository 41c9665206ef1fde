# Digests instead of bytes (--outbound digest) are checked just as well.
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

expect 0 "$DEJA" record -q --outbound digest -o digest -- "$CASES/random"
cp stdout recorded
expect 0 "$DEJA" replay digest
cmp -s stdout recorded || fail "--outbound digest: the replay prints something else"
n=$(tamper flip digest write)
diverges digest "$n"
