# The runtime objects export libc's functions of preload/hooks.def and nothing else, and what
# the program's memory can come to hold addresses of lies at the same place in both.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

lib=$(dirname "$DEJA")/../lib/deja
sed -nE 's/^(PLAIN|HOOK)\([a-z0-9_]+, ([a-z0-9_]+),.*/\2/p; s/^MODE\(([a-z0-9_]+),.*/\1/p' \
	"$ROOT/preload/hooks.def" | sort >listed
[ "$(wc -l <listed)" = "$(grep -cE '^(PLAIN|HOOK|MODE)\(' "$ROOT/preload/hooks.def")" ] ||
	fail "a row of hooks.def has another form"
[ "$(wc -l <listed)" -ge 80 ] || fail "hooks.def lists too little"
for mode in record replay; do
	so=$lib/libdeja-$mode.so
	nm -D --defined-only "$so" | awk '{print $3}' | sort >exported
	cmp -s listed exported || fail "$so exports (>) what hooks.def does not list (<): $(diff listed exported)"
	! readelf -lW "$so" | grep -q '^  TLS' || fail "$so has thread-local variables"
	# the hooks, their state, and where the object ends
	nm "$so" | grep -E ' (T|[tb] (dj_(syscall|stubs|hooks|active|ret_generic|tramp_entry)))' | sort -k3 >place.$mode
	readelf -lW "$so" | awk '/LOAD/ {end = $3 " " $6} END {print end}' >>place.$mode
done
cmp -s place.record place.replay || fail "the two objects differ in layout: $(diff place.record place.replay)"
[ "$(tail -1 place.record)" = "0x00000000001ff000 0x001000" ] || fail "the span is $(tail -1 place.record)"
