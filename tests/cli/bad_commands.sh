# Commands that cannot be run or recorded each get one clear line and the status that shells
# give; no recording is left behind that is not one.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

expect 127 "$DEJA" record -o rec -- no-such-command-anywhere
one_line 'no-such-command-anywhere: .*not found'
expect 127 "$DEJA" record -o rec -- ./no/such/file
one_line 'no/such/file'
echo 'not a program' >data
expect 126 "$DEJA" record -o rec -- ./data
one_line 'data.*(ermission|executable)'
expect 126 "$DEJA" record -o rec -- /tmp
one_line '/tmp.*directory'
chmod 755 data
got=0
limit "$DEJA" record -o rec1 -- ./data >stdout 2>stderr </dev/null || got=$?
[ $got = 126 ] || fail "a file without magic: status $got: $(cat stderr)"
has_line 'data'
printf '#!/no/such/interpreter\n' >script
chmod 755 script
got=0
limit "$DEJA" record -o rec2 -- ./script >stdout 2>stderr </dev/null || got=$?
[ $got = 126 ] || [ $got = 127 ] || fail "a bad interpreter: status $got: $(cat stderr)"
has_line 'script|interpreter'
[ ! -e rec ] || fail "a directory was made for a command that cannot run"

expect 125 "$DEJA" record -p 1
one_line 'runs already.*start it anew'
expect 0 env LD_PRELOAD=/no/such.so LD_DEBUG= "$DEJA" record -o preload -- true
has_line 'LD_PRELOAD names /no/such.so .*not recorded'
expect 0 "$DEJA" info preload
grep -q '/no/such.so' stdout || fail "info does not say what is not recorded"

echo 'int main(void) { return 7; }' >p.c
gcc -static -o static p.c 2>/dev/null || fail "no static libc here"
expect 122 "$DEJA" record -o rec -- ./static
one_line 'static.*statically linked'
[ ! -e rec ] || fail "a directory was made for a static program"

if [ "$(id -u)" = 0 ]; then
	gcc -o setuid p.c && chown 65534 setuid && chmod 4755 setuid || fail "chown"
	expect 122 "$DEJA" record -o rec -- ./setuid
	one_line 'setuid.*set-uid'
fi
gcc -o good p.c
expect 7 "$DEJA" record -o rec -- ./good
has_line 'rec'
expect 7 "$DEJA" replay rec
# A script is recorded through its interpreter; a PATH search finds what a shell finds.
printf '#!/bin/sh\necho "$0 $1 $$"\nexit 3\n' >script
expect 3 "$DEJA" record -q -o rec3 -- ./script word
cp stdout recorded
expect 3 "$DEJA" replay rec3
cmp -s stdout recorded || fail "a script replays differently"
expect 3 env "PATH=$PWD:$PATH" "$DEJA" record -q -o rec4 -- script word
expect 3 "$DEJA" replay rec4
