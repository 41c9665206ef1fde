# java: a pool of threads that keep the garbage collector busy, a socket server, compiled
# while it runs.
NEED=(java javac)
setup() {
	javac -d . "$TESTS/servers/Threads.java" && CMD=(java -cp . Threads "$(rounds)")
}
ready() { :; }
stop() { :; }
check() {
	[ "$(grep -c '^round' "$1")" = "$LOAD" ] && [ "$(grep -c '^[0-9]* pool-' "$1")" = $((20 * LOAD)) ] &&
		[ "$(cut -s -d' ' -f2 "$1" | grep '^pool' | sort -u | wc -l)" -gt 1 ] &&
		[ "$(grep -c '^echo message [0-9] [0-9]*$' "$1")" = $((10 * LOAD)) ] &&
		grep -q "^sum $((190 * LOAD)), collected [1-9]" "$1"
}
