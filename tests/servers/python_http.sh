# Python's threaded web server under clients of which many come at once.
NEED=(python3 curl)
setup() {
	PORT=$(free_port)
	mkdir site && seq 3000 >site/page
	CMD=(python3 -u -m http.server -d "$DIR/work/site" --bind 127.0.0.1 "$PORT")
}
load() {
	local i clients=()
	for i in 1 2 3 4; do
		seq $((25 * LOAD)) | sed "s,.*,url = http://127.0.0.1:$PORT/page," | curl -sf -K - >"page.$i" &
		clients+=($!)
	done
	wait "${clients[@]}"
	[ "$(cat page.? | wc -l)" = $((4 * 25 * LOAD * 3000)) ]
}
stop() { kill -INT "$SERVER"; }
check() { grep -q 'Keyboard interrupt' "$1"; }
