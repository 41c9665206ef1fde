# curl by host name: getaddrinfo, and what it asks (nsswitch, hosts, the resolver's thread).
NEED=(curl python3)
setup() {
	mkdir site && seq 100 >site/page
	http_server "$PWD/site" && CMD=(curl -sS -i "http://localhost:$PORT/dynamic" "http://localhost:$PORT/page")
}
check() { grep -q '^<p>random' "$1" && grep -q '^99$' "$1"; }
