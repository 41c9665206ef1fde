# memcached with four threads under a mixed load of eight clients.
NEED=(memcached python3)
setup() {
	PORT=$(free_port)
	CMD=(memcached -t 4 -U 0 -l 127.0.0.1 -p "$PORT" -u "$(id -un)")
}
load() { python3 "$TESTS/servers/memcached_client.py" "$PORT" $((100 * LOAD)); }
