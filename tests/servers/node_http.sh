# node as a web server under several clients, ended by SIGTERM, which it does not handle.
NEED=(node curl)
STATUS=143
setup() {
	PORT=$(free_port)
	CMD=(node -e "let n = 0; require('http').createServer((q, r) => { console.log(q.url, ++n);
		setTimeout(() => r.end(Math.random() + ' ' + Date.now() + '\n'), n % 3); }).listen($PORT, '127.0.0.1')")
}
load() {
	local i clients=()
	for i in 1 2 3 4; do
		seq $((25 * LOAD)) | sed "s,.*,url = http://127.0.0.1:$PORT/&," | curl -sf -K - >"page.$i" &
		clients+=($!)
	done
	wait "${clients[@]}"
	[ "$(cat page.? | wc -l)" = $((100 * LOAD)) ]
}
