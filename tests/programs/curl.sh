# A page that differs at every request; the server is gone when it is replayed.
NEED=(curl python3)
setup() {
	mkdir site && seq 20000 >site/big
	http_server "$PWD/site" && CMD=(curl -sS -i "http://127.0.0.1:$PORT/dynamic" "http://127.0.0.1:$PORT/big")
}
check() { grep -q '^<p>random' "$1" && grep -q '^19999$' "$1"; }
