# A forced stop is found again by writing a breakpoint where the recording says. An address of the
# replay's own, its state or its loader, is refused before anything is written.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

expect 0 "$DEJA" record -q -o good -- "$CASES/thread_spin"
expect 0 "$DEJA" verify good
for address in 550000000000 551000100000 551300000100 54ffffffffff; do
	rm -rf bad && cp -a good bad
	event=$(python3 "$TESTS/tamper.py" stop bad $address) || fail "tamper.py stop $address"
	expect 120 "$DEJA" replay bad
	has_line "diverged at event $event of process"
	grep -q "at an address that is not the program's" stderr ||
		fail "$address: not refused: $(cat stderr)"
done
