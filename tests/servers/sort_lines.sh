# sort with two threads, which compare 10^6 lines by a locale's rules without a call for long.
NEED=(sort shuf)
setup() {
	shuf -i 1000000-1999999 >lines
	CMD=(sort --parallel=2 -S 100M lines)
	[ "$ENDING" = stop ] || CMD+=(lines{,,,}{,,,})
}
ready() { :; }
stop() { :; }
check() { seq 1000000 1999999 | cmp - "$1"; }
