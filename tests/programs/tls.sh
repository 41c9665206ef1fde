# TLS against openssl's own server, with a certificate made for the occasion.
NEED=(openssl curl python3)
setup() {
	local port
	port=$(free_port)
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost || return 1
	background openssl s_server -accept "127.0.0.1:$port" -key key -cert cert -www
	wait_port "$port" || return 1
	CMD=(curl -sS -k -v "https://127.0.0.1:$port/")
}
check() { grep -q 'TLSv1.3' "$1"; }
