# What a recording makes a replay print cannot command the terminal: on one, control sequences other
# than colours are shown, unless --raw; into a file they go as they are.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v script >/dev/null || skip "script is not installed"
limit "$DEJA" record -q -o rec -- printf '\033]0;title\007 \033[31mred\033[0m \033[2J \033P+q\033\\ \302\233c end\n' >out || fail "recording"
on_terminal() { limit script -qec "$DEJA replay $* rec" /dev/null </dev/null | tr -d '\r' >seen; }

on_terminal
grep -q 'end' seen || fail "it printed nothing: $(od -c seen)"
! grep -qF $'\033]' seen && ! grep -qF $'\033[2J' seen && ! grep -qF $'\033P' seen && ! grep -qaP '\xc2\x9b' seen && ! grep -qF $'\007' seen ||
	fail "the terminal was commanded: $(od -c seen | head)"
grep -qF $'\033[31mred' seen || fail "colours are lost: $(od -c seen | head)"
on_terminal --raw
cmp -s seen out || fail "--raw: not as recorded: $(od -c seen | head)"
expect 0 "$DEJA" replay rec
cmp -s stdout out || fail "into a file: not as recorded"
exit 0
