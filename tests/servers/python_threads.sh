# Python: threads with locks and without, queues, thread pools, children of several threads,
# asyncio with servers, clients and children, signals between bytecodes.
NEED=(python3)
setup() { CMD=(python3 "$TESTS/servers/threads.py" "$(rounds)"); }
ready() { :; }
stop() { :; }
check() { [ "$(grep -c '^round' "$1")" = "$LOAD" ]; }
