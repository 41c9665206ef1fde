# node: worker threads, timers, files, children, its own web server.
NEED=(node)
setup() { CMD=(node "$TESTS/servers/node.js" "$(rounds)"); }
ready() { :; }
stop() { :; }
check() { [ "$(grep -c '^msg' "$1")" = $((3 * LOAD)) ]; }
