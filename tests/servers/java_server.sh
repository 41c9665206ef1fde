# java as a web server of several threads under clients from outside, with a heap so small that it
# collects garbage all the time; ended by SIGTERM, which its shutdown hook answers.
NEED=(java javac curl)
STATUS=143
setup() {
	PORT=$(free_port)
	javac -d . "$TESTS/servers/Server.java" && CMD=(java -Xmx24m -cp . Server "$PORT")
}
load() {
	local i clients=()
	for i in 1 2 3 4; do
		seq $((25 * LOAD)) | sed "s,.*,url = http://127.0.0.1:$PORT/&," | curl -sf -K - >"page.$i" &
		clients+=($!)
	done
	wait "${clients[@]}"
	[ "$(cat page.? | wc -l)" = $((100 * LOAD)) ] && [ "$(cat page.? | cut -d' ' -f3 | sort -u | wc -l)" -gt 1 ]
}
check() { grep -q "^served $((100 * LOAD)), collected [1-9]" "$1"; }
