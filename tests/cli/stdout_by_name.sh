# Who opens its standard output or error by a name writes output all the same: a replay prints it,
# in its place among the rest.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

"$DEJA" record -q -o rec -- sh -c 'echo one; echo two >/dev/stdout; date +%N >/proc/self/fd/1; echo three
	echo err; echo named >/dev/stderr; echo null >/dev/null' 2>err.out | cat >out || fail "recording"
[ "$(wc -l <out)" = 5 ] || fail "recorded as: $(cat out)"
hermetic_replay "$PWD/rec" "$PWD/out.replay" "$PWD/err.replay" || fail "replay: $(cat err.replay)"
cmp out out.replay || fail "the replay prints: $(cat out.replay)"
# A terminal, by the name of its device.
script -qec "$DEJA record -q -o tty -- sh -c 'echo first; echo by name >\$(tty); echo last'" /dev/null </dev/null >live || fail "in a terminal: $(cat live)"
hermetic_replay "$PWD/tty" "$PWD/tty.out" "$PWD/tty.err" || fail "replay: $(cat tty.err)"
[ "$(tr '\n' ' ' <tty.out)" = 'first by name last ' ] || fail "the replay prints: $(cat tty.out)"
# Who appends to a file writes at its end, whoever else writes there.
: >added
limit "$DEJA" record -o add -- sh -c 'echo one; echo two >>/dev/stdout; date +%N >>/proc/self/fd/1; echo three' \
	>>added 2>said || fail "recording to append: $(cat said)"
[ "$(wc -l <added)" = 4 ] || fail "appended: $(cat added)"
! grep -q 'by a name' said || fail "appending is remarked: $(cat said)"
hermetic_replay "$PWD/add" "$PWD/add.out" "$PWD/add.err" || fail "replay: $(cat add.err)"
cmp added add.out || fail "the replay prints: $(cat add.out)"
expect 0 "$DEJA" record -o both -- sh -c 'echo whole >>/dev/stdout; echo ove'
has_line 'to append: where its output overwrites that, a replay prints both'
hermetic_replay "$PWD/both" "$PWD/both.out" "$PWD/both.err" || fail "replay: $(cat both.err)"
[ "$(tr '\n' ' ' <both.out)" = 'whole ove ' ] || fail "the replay prints: $(cat both.out)"
# A file has an offset for each that opens it: said when it is recorded.
expect 0 "$DEJA" record -o file -- sh -c 'echo lost >/dev/stdout'
has_line 'opened the file that is its output by a name'
expect 0 "$DEJA" info file
grep -q '^Warnings .*opened the file that is its output' stdout || fail "info does not say it: $(cat stdout)"
