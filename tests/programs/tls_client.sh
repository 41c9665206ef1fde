# openssl's own client.
NEED=(openssl python3)
setup() {
	local port
	port=$(free_port)
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost || return 1
	background openssl s_server -accept "127.0.0.1:$port" -key key -cert cert -www
	wait_port "$port" || return 1
	CMD=(sh -c "printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect 127.0.0.1:$port -ign_eof; echo status \$?")
}
