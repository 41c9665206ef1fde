# Where a recording may go: nothing is overwritten, an unwritable place is refused before
# the command runs, the default place and `latest` work, modes keep others out.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cmd=(sh -c 'echo ran >>ran; echo $$')
mkdir full && echo precious >full/file
expect 125 "$DEJA" record -o full -- "${cmd[@]}"
one_line 'full.*not empty'
[ "$(ls full)" = file ] && [ "$(cat full/file)" = precious ] || fail "the directory was changed"
echo text >file
expect 125 "$DEJA" record -o file -- "${cmd[@]}"
one_line 'file.*not a directory'
expect 125 "$DEJA" record -o no/such/parent/rec -- "${cmd[@]}"
one_line 'no/such/parent/rec'
expect 125 "$DEJA" record -o /proc/rec -- "${cmd[@]}"
one_line '/proc/rec'
if [ "$(id -u)" = 0 ]; then
	mkdir locked && chmod 555 locked && chmod 755 . && mkdir -p home
	# Root may write anywhere; somebody else may not.
	if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$DEJA" 2>/dev/null &&
		setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$PWD" 2>/dev/null; then
		expect 125 setpriv --reuid=65534 --regid=65534 --clear-groups "$DEJA" record -o locked/rec -- "${cmd[@]}"
		one_line 'locked/rec.*ermission'
	fi
else
	mkdir locked && chmod 555 locked
	expect 125 "$DEJA" record -o locked/rec -- "${cmd[@]}"
	one_line 'locked/rec.*ermission'
fi
[ ! -e ran ] || fail "the command ran although there was no place for its recording"

mkdir empty
expect 0 "$DEJA" record -q -o empty -- "${cmd[@]}"
[ ! -s stderr ] || fail "-q is not quiet: $(cat stderr)"
expect 125 "$DEJA" record -o empty -- "${cmd[@]}"
one_line 'empty.*not empty'
[ "$(wc -l <ran)" = 1 ] || fail "the command ran again"

[ "$(stat -c %a empty)" = 700 ] || fail "the recording has mode $(stat -c %a empty)"
bad=$(find empty -perm /077)
[ -z "$bad" ] || fail "modes let others in: $bad"

# The default place, its names, the latest.
export DEJA_DIR=$PWD/store
expect 4 "$DEJA" record -- sh -c 'echo one $$; exit 4'
cp stdout one
tail -1 stderr | grep -qE "^deja: recorded $DEJA_DIR/sh-[0-9]{8}-[0-9]{6}-[0-9]+ \([0-9]+ events, .*\)$" ||
	fail "the last line is: $(tail -1 stderr)"
[ "$(wc -l <stderr)" = 1 ] || fail "more than a line: $(cat stderr)"
[ "$(stat -c %a store)" = 700 ] || fail "$DEJA_DIR has mode $(stat -c %a store)"
expect 0 "$DEJA" record -q -- date +%N
cp stdout two
expect 0 "$DEJA" replay
cmp -s stdout two || fail "the latest is not the last recorded"
expect 0 "$DEJA" verify
grep -qE '^OK ([1-9][0-9]*)/\1 events$' stdout || fail "verify: $(cat stdout)"
name=$(basename store/sh-*)
expect 4 "$DEJA" replay "$name"
cmp -s stdout one || fail "by name: another output"
expect 0 "$DEJA" ls
grep -q "$name" stdout && grep -q date stdout || fail "ls: $(cat stdout)"
unset DEJA_DIR
expect 0 env HOME="$PWD/home2" "$DEJA" record -q -- date +%N
cp stdout three
[ -L home2/.local/share/deja/latest ] || fail "no latest in ~/.local/share/deja"
expect 0 env HOME="$PWD/home2" "$DEJA" replay
cmp -s stdout three || fail "the latest of ~/.local/share/deja: another output"

# Names with odd characters.
odd=$'odd name\n\twith \xff and "quotes"'
expect 0 "$DEJA" record -q -o "$odd" -- sh -c 'echo "$1"' sh "$odd"
cp stdout recorded
expect 0 "$DEJA" replay "$odd"
cmp -s stdout recorded || fail "an odd name: another output"
expect 0 "$DEJA" info --json "$odd"
python3 -c 'import json, sys; json.load(open("stdout", errors="surrogateescape"))' || fail "info --json is no JSON"
