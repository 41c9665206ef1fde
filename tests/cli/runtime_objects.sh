# What goes into somebody else's process: the runtime objects need no library, take nothing
# from libc that it could lack, use no vector or floating-point register, run first, and have
# the same program headers, so that a replay's addresses, and what a program reads there, are the
# recording's.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

for tool in nm readelf objdump; do command -v $tool >/dev/null || skip "$tool is not installed"; done
objects=$(cd "$(dirname "$DEJA")/../lib/deja" && pwd)

# Weak all: the linker's own; libc's errno, its word on threads and the dynamic linker's list
# of objects for the hooks; libc's word on rseq.
allowed='_ITM_deregisterTMCloneTable|_ITM_registerTMCloneTable|__cxa_finalize|__gmon_start__|__errno_location|__libc_single_threaded|_r_debug|__rseq_offset|__rseq_size'
for mode in record replay; do
	so=$objects/libdeja-$mode.so
	[ -r "$so" ] || fail "no $so"
	readelf -dW "$so" >dynamic
	other=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' dynamic | grep -vx libc.so.6)
	[ -z "$other" ] || fail "libdeja-$mode.so needs $other"
	grep -q 'FLAGS_1.*INITFIRST' dynamic || fail "libdeja-$mode.so is not initialised first"
	! grep -q TEXTREL dynamic || fail "libdeja-$mode.so has text relocations"
	nm -D --undefined-only "$so" >undefined
	other=$(awk '{ sub(/@.*/, "", $2); print $1, $2 }' undefined | grep -vxE "w ($allowed)")
	[ -z "$other" ] || fail "libdeja-$mode.so takes from elsewhere: $(tr '\n' ' ' <<<"$other")"
	objdump -d --no-show-raw-insn "$so" >code
	[ "$(wc -l <code)" -gt 1000 ] || fail "objdump shows no code of libdeja-$mode.so"
	used=$(grep -cE '%(st\b|[xyz]?mm[0-9])' code)
	[ "$used" = 0 ] || fail "libdeja-$mode.so uses vector registers $used times: $(grep -m1 -E '%(st\b|[xyz]?mm[0-9])' code)"
	# From the first page to the last, as the loader maps it.
	readelf -lW "$so" | awk '$1 == "LOAD" { print $3, $6 }' >loads
	end=0
	while read -r address len; do
		[ $((address + len)) -le $end ] || end=$((address + len))
	done <loads
	[ $end = $((2 << 20)) ] || fail "libdeja-$mode.so spans $end bytes, not 2 MiB"
	readelf -lnW "$so" | sed -n '/^Program Headers/,/^ Section to/p; /Build ID/p' >headers.$mode
	grep -q 'Build ID' headers.$mode || fail "libdeja-$mode.so has no build ID"
done
cmp headers.record headers.replay || fail "the program headers differ"
