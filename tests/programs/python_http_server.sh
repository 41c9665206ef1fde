# Python's single-threaded web server answers 1,000 requests of a client that is not recorded.
NEED=(python3)
setup() {
	mkdir site && seq 500 >site/page
	CMD=(python3 "$TESTS/http_server.py" site port 1000)
}
beside() { wait_for port && python3 "$TESTS/programs/http_client.py" "$(cat port)" 1000; }
check() { [ "$(grep -c '" 200 -$' "$1")" = 1000 ]; }
