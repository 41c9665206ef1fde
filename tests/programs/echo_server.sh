# A single-threaded C server answers 1,000 requests of a client that is not recorded.
NEED=(gcc python3)
setup() { gcc -O1 -o server "$TESTS/programs/echo_server.c" && CMD=(./server 1000); }
beside() { wait_for port && python3 "$TESTS/programs/echo_client.py" "$(cat port)" 1000; }
check() { grep -q '^1000 lines' "$1"; }
