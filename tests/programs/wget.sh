# A page fetched into a file and shown.
NEED=(wget python3)
setup() {
	mkdir site
	http_server "$PWD/site" && CMD=(sh -c "wget -nv http://127.0.0.1:$PORT/dynamic && cat dynamic && ls -l dynamic")
}
check() { grep -q '^<p>random' "$1"; }
