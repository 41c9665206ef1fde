# Known inputs of the fuzz targets, under AddressSanitizer and UBSan: all that ever crashed
# (tests/fuzz/regress), and pieces of recordings made now.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

DEJA=$DEJA BUILD=${BUILD:-$ROOT/build} limit "$TESTS/fuzz/seeds" seeds || fail "no seeds"
export UBSAN_OPTIONS=print_stacktrace=1
export FUZZ_TMP=$PWD
count=0
for source in "$TESTS"/fuzz/*.c; do
	target=$(basename "$source" .c)
	[ "$target" != main ] || continue
	inputs=()
	for dir in "seeds/$target" "$TESTS/fuzz/regress/$target"; do
		[ ! -d "$dir" ] || inputs+=("$dir")
	done
	limit "${BUILD:-$ROOT/build}/tests/fuzz/$target" "${inputs[@]}" >"$target.out" 2>"$target.err" ||
		fail "$target: $(grep -a '^running' "$target.err" | tail -1): $(grep -aE 'ERROR|runtime error' "$target.err" | head -1)"
	echo "$target: $(cat "$target.out")"
	[ "$(cut -d' ' -f1 "$target.out")" -gt 10 ] || fail "$target: hardly any input: $(cat "$target.out")"
	count=$((count + 1))
done
[ $count -ge 8 ] || fail "only $count targets"
