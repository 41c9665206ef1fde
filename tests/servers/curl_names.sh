# curl by host names that a name server answers: getaddrinfo, the resolver's sockets, its tries
# again where the first answer is lost, names that do not exist. The name server, the web
# server and what names are asked from (resolv.conf, nsswitch.conf) are the test's own.
NEED=(curl python3 unshare)
[ "$(id -u)" = 0 ] || result skip "needs root for a name server's port"
unshare -m true 2>/dev/null || result skip "unshare -m is not permitted"
setup() {
	local n address=127.$((RANDOM % 200 + 20)).$((RANDOM % 256)).$((RANDOM % 254 + 1))
	mkdir site && seq 500 >site/page
	http_server "$PWD/site" || return
	HELPER_LOG=names.log background python3 "$TESTS/servers/name_server.py" "$address" named
	wait_for named || { cat names.log; return 1; }
	printf 'nameserver %s\noptions timeout:1 attempts:4\n' "$address" >resolv.conf
	echo 'hosts: dns' >nsswitch.conf
	for ((n = 0; n < 4 * $(rounds); n++)); do
		printf 'url = http://host%d.deja.test:%s/%s\noutput = -\n' $n "$PORT" \
			"$([ $((n % 2)) = 0 ] && echo dynamic || echo page)"
	done >urls
	printf 'url = http://none.deja.test:%s/\n' "$PORT" >>urls
	cat >all.sh <<-END
		mount --make-rprivate / && mount --bind "$PWD/resolv.conf" /etc/resolv.conf &&
			mount --bind "$PWD/nsswitch.conf" /etc/nsswitch.conf || exit 9
		exec curl -sS --no-keepalive -K urls
	END
	CMD=(unshare -m sh all.sh)
}
STATUS=6 # of the last name
ready() { :; }
stop() { :; }
check() {
	[ "$(grep -c '^<p>random' "$1")" = $((2 * LOAD)) ] && [ "$(grep -c '^499$' "$1")" = $((2 * LOAD)) ] &&
		grep -q 'Could not resolve host: none.deja.test' "$DIR/record.err"
}
