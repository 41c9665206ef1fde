# An argument list as long as the system allows is recorded; one that leaves no room for the
# recorder's own variables gets a clear line; neither is cut silently.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

# A quarter of the stack limit is the room; strings may have 128 KiB each.
long=$(head -c 120000 /dev/zero | tr '\0' x)
expect 0 "$DEJA" record -q -o long -- sh -c 'echo ${#1} ${#2} $# $$' sh "$long" "$long"
cp stdout recorded
grep -q '^120000 120000 2 ' stdout || fail "arguments were changed: $(cat stdout)"
expect 0 "$DEJA" replay long
cmp -s stdout recorded || fail "long arguments: another output"

# Fill the list to the brim natively, then record with the same list. What records it has to fit, too,
# wherever it lies.
wrapper="$DEJA $(printf '%400s')"
args=()
while env -i /bin/true "$wrapper" "${args[@]}" "$long" 2>/dev/null; do args+=("$long"); done
piece=$(head -c 1000 /dev/zero | tr '\0' y)
while env -i /bin/true "$wrapper" "${args[@]}" "$piece" 2>/dev/null; do args+=("$piece"); done
env -i /bin/true "$wrapper" "${args[@]}" || fail "the list does not even fit natively"
echo "${#args[@]} arguments fit natively"
got=0
limit env -i "$DEJA" record -q -o brim -- /bin/true "${args[@]}" >stdout 2>stderr </dev/null || got=$?
case $got in
0)
	expect 0 "$DEJA" replay brim
	;;
125 | 126 | 122)
	has_line 'argument list|too long|environment|E2BIG'
	[ "$(wc -l <stderr)" = 1 ] || fail "not one line: $(head -c 500 stderr)"
	;;
*)
	fail "status $got: $(head -c 500 stderr)"
	;;
esac

# A child with a full list: its parent sees what it would see natively, success or E2BIG.
cat >full.py <<'P'
import os, sys
arg = "z" * 100000
n = 0
while True:
    pid = os.fork()
    if pid == 0:
        try:
            os.execve("/bin/true", ["true"] + [arg] * n, {})
        except OSError as e:
            os._exit(e.errno)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        print("with %d: %s" % (n, os.strerror(status)))
        break
    n += 4
P
expect 0 python3 full.py
cp stdout native
expect 0 "$DEJA" record -q -o child -- python3 full.py
cp stdout recorded
cmp -s native recorded || fail "a child's full list: natively $(cat native), recorded $(cat recorded)"
expect 0 "$DEJA" replay child
cmp -s stdout recorded || fail "a child's full list: another output"
