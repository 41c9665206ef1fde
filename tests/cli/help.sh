#!/bin/sh
# Every command has --help and a manual page, and both name the same options; wrong command
# lines get one line and status 125. Needs no recording. DEJA: the command to test.
set -eu
cd "$(dirname "$0")/../.."
deja=${DEJA:-build/bin/deja}
failed=0
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

fail() {
	echo "help.sh: $*" >&2
	failed=1
}

# What a manual page says, without its fonts.
plain() {
	sed 's/\\f[A-Z]//g; s/\\-/-/g; s/^\.[A-Z][A-Z]* //'
}

# The options a manual page explains, with their short forms and arguments: the tags of its section
# OPTIONS.
man_options() {
	sed -n '/^\.SH OPTIONS/,/^\.SH EXIT/p' "$1" | sed -n '/^\.TP/{n;p}' | plain | grep '^-' | sort
}

help_options() {
	sed -n '/^Options:/,/^$/p' "$1" |
		sed -n 's/^ *\(-[a-zA-Z], \)\?\(--[a-z-]*\(\[=[^ ]*\| [^ ][^ ]*\)\?\) .*/\1\2/p' | sort
}

man_synopsis() {
	sed -n '/^\.SH SYNOPSIS/,/^\.SH DESCRIPTION/p' "$1" | sed '1d;$d' | plain | tr -s '\n ' ' ' | sed 's/ $//'
}

commands=$("$deja" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
[ "$(echo "$commands" | wc -w)" -ge 9 ] || fail "deja help lists too little: $commands"
table=$(sed -n '/^} commands\[\]/,/^};/p' tools/main.c | grep -o '"[a-z]*"' | tr -d '"' | sort)
[ "$(echo "$commands" | sort)" = "$table" ] || fail "deja help and the table of main.c differ"

for shell in bash zsh fish; do "$deja" completion $shell >"$out/$shell"; done
for c in $commands; do
	page=tools/man/deja-$c.1
	[ -f "$page" ] || { fail "$c: no manual page $page"; continue; }
	"$deja" "$c" --help >"$out/help" 2>"$out/err" || fail "$c: --help: status $?"
	[ ! -s "$out/err" ] || fail "$c: --help writes to stderr"
	"$deja" help "$c" | cmp -s - "$out/help" || fail "help $c and $c --help differ"
	for word in 'Usage: deja '"$c" 'Options:' 'Exit status:' 'Example:'; do
		grep -q "^$word" "$out/help" || fail "$c: --help lacks '$word'"
	done
	man_options "$page" >"$out/man_options"
	help_options "$out/help" >"$out/help_options"
	diff "$out/help_options" "$out/man_options" >"$out/diff" ||
		fail "$c: --help (<) and $page (>) name other options: $(cat "$out/diff")"
	[ -s "$out/help_options" ] || fail "$c: no options seen"
	[ "$(sed -n 's/^Usage: //p' "$out/help")" = "$(man_synopsis "$page")" ] ||
		fail "$page: another synopsis than --help: $(man_synopsis "$page")"
	for shell in bash zsh fish; do
		case $shell in
		bash) sed -n "s/^\t$c) words='//p" ;;
		zsh) sed -n "/^\t*$c)/,/;;/p" ;;
		fish) grep -- "__fish_seen_subcommand_from $c'* " ;;
		esac <"$out/$shell" >"$out/words"
		for option in $(grep -o -- '--[a-z-]*' "$out/help_options"); do
			[ $shell != fish ] || option="-l ${option#--}"
			grep -q -- "$option\b" "$out/words" || fail "$shell's completion of $c lacks $option"
		done
	done
	sed -n 's/.*--class CLASS,\.\.\. *only //p' "$out/help" | tr -d , >"$out/classes"
	[ ! -s "$out/classes" ] || grep -qF "$c:--class) COMPREPLY=(\$(compgen -W '$(cat "$out/classes") '" "$out/bash" ||
		fail "$c --class: --help names other classes than there are: $(cat "$out/classes")"
	sed -n '/^Exit status:/,/^Example:/s/^  \([0-9][0-9]*\) .*/\1/p' "$out/help" | sort >"$out/help_statuses"
	sed -n '/^\.SH EXIT STATUS/,/^\.SH [^E]/s/^\.B \([0-9][0-9]*\)$/\1/p' "$page" | sort >"$out/man_statuses"
	cmp -s "$out/help_statuses" "$out/man_statuses" ||
		fail "$c: --help has other exit statuses than $page: $(diff "$out/help_statuses" "$out/man_statuses")"
	! grep -q 'See MOMENTS' "$page" || grep -q '^\.SH MOMENTS$' "$page" || fail "$page: no section MOMENTS"
	for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		grep -q "^\.SH $section\$" "$page" || fail "$page: no section $section"
	done
	grep -q "deja\\\\-$c (1)" tools/man/deja.1 || fail "deja.1 does not name $c"

	status=0
	"$deja" "$c" --no-such-option >"$out/stdout" 2>"$out/err" || status=$?
	[ "$status" = 125 ] || fail "$c --no-such-option: status $status"
	[ "$(wc -l <"$out/err")" = 1 ] || fail "$c --no-such-option: not one line"
	[ ! -s "$out/stdout" ] || fail "$c --no-such-option: writes to stdout"
done

for page in tools/man/*.1; do
	c=$(basename "$page" .1)
	[ "$c" = deja ] || echo "$commands" | grep -qx "${c#deja-}" || fail "$page: no such command"
	! command -v man >/dev/null || [ -z "$(man --warnings -l "$page" 2>&1 >/dev/null)" ] ||
		fail "$page: $(man --warnings -l "$page" 2>&1 >/dev/null)"
done

expect() { # status, text on stderr, arguments
	want=$1 text=$2 status=0
	shift 2
	"$deja" "$@" >"$out/stdout" 2>"$out/err" || status=$?
	[ "$status" = "$want" ] || fail "deja $*: status $status, not $want"
	[ "$(wc -l <"$out/err")" = 1 ] || fail "deja $*: not one line: $(cat "$out/err")"
	grep -qF -- "$text" "$out/err" || fail "deja $*: '$text' expected: $(cat "$out/err")"
}

expect 125 'no command'
expect 125 "did you mean 'record'" recrod
expect 125 "did you mean 'ls'" lss
expect 125 '`deja help` lists them' frobnicate
expect 125 "did you mean 'cat'" help cta
expect 125 "no option '--bogus'" --bogus
expect 125 'needs an argument' cat --pid
expect 125 'takes no argument' ls --json=yes
expect 125 'not a process id' cat --pid 12x
expect 125 "no system call 'opne'" cat --call read,opne
expect 125 "unexpected 'more'" version more
export DEJA_DIR="$out/none"
expect 121 'no recording yet' cat
expect 121 'no such recording' info nothing-here
expect 121 'no such recording' ps ./nothing-here
expect 121 'is empty' ps ''
if [ -c /dev/full ]; then
	status=0
	"$deja" help >/dev/full 2>"$out/err" || status=$?
	[ "$status" = 125 ] && grep -q 'cannot write to stdout' "$out/err" ||
		fail "a full disk is not reported: $status $(cat "$out/err")"
fi
[ "$("$deja" ls --json)" = "[]" ] || fail "ls --json of nothing is not []"
[ "$("$deja" --version)" = "deja $("$deja" version | sed -n 's/^deja *//p')" ] ||
	fail "--version and version differ"
[ $failed = 0 ] && echo "help.sh: ok"
exit $failed
