# java: a pool of threads that keep the garbage collector busy, a socket server, compiled
# while it runs.
NEED=(java javac)
setup() {
	javac -d . "$TESTS/servers/Threads.java" && CMD=(java -cp . Threads "$(rounds)")
}
ready() { :; }
stop() { :; }
check() { [ "$(grep -c '^round' "$1")" = "$LOAD" ]; }
