# ruby: threads with locks and without, a socket server, children, traps, timeouts.
NEED=(ruby)
setup() { CMD=(ruby "$TESTS/servers/threads.rb" "$(rounds)"); }
ready() { :; }
stop() { :; }
check() { [ "$(grep -c '^round' "$1")" = "$LOAD" ]; }
