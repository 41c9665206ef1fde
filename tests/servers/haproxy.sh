# haproxy: a master, a worker of four threads, two servers behind it with health checks.
NEED=(haproxy python3 curl)
setup() {
	PORT=$(free_port)
	local behind
	mkdir site && seq 300 >site/page
	cat >haproxy.cfg <<-END
		global
		  nbthread 4
		  maxconn 200
		defaults
		  mode http
		  timeout connect 30s
		  timeout client 30s
		  timeout server 30s
		frontend in
		  bind 127.0.0.1:$PORT
		  default_backend out
		backend out
		  balance roundrobin
	END
	for n in 1 2; do
		behind=$(free_port)
		background python3 -m http.server -d "$DIR/work/site" --bind 127.0.0.1 "$behind"
		wait_port "$behind" || return
		echo "  server s$n 127.0.0.1:$behind check inter 100ms fall 1000" >>haproxy.cfg
	done
	CMD=(haproxy -W -db -f "$DIR/work/haproxy.cfg")
}
load() {
	local i clients=()
	for ((i = 0; i < 4; i++)); do
		seq $((20 * LOAD)) | sed "s,.*,url = http://127.0.0.1:$PORT/page," | curl -sf -K - >"page.$i" &
		clients+=($!)
	done
	wait "${clients[@]}"
	cmp page.0 page.3 && [ "$(wc -l <page.1)" = $((6000 * LOAD)) ]
}
stop() { kill -USR1 "$SERVER"; }
