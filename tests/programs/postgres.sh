# PostgreSQL, all of it recorded: initdb, start, 4 clients with 1,000 transactions, stop.
# shellcheck source=tests/postgres.lib.sh
. "$TESTS/postgres.lib.sh"
NEED=("$PG/postgres" unshare)
setup() {
	cat >all.sh <<-END
		set -e
		PATH=$PG:\$PATH
		initdb -D data -A trust -N --no-locale >initdb.log
		pg_ctl -D data -w -o "-k \$PWD -c listen_addresses= -c fsync=off" -l log start >/dev/null
		createdb -h "\$PWD" bench
		pgbench -h "\$PWD" -i -q bench 2>/dev/null
		pgbench -h "\$PWD" -c 4 -j 2 -t 250 bench 2>/dev/null
		psql -h "\$PWD" -Atc "select count(*), sum(delta), max(mtime) from pgbench_history" bench
		pg_ctl -D data -w -m fast stop
		cat log
	END
}
CMD=("${AS[@]}" bash all.sh)
check() { grep -q '1000/1000' "$1" && grep -q '^1000|' "$1" && grep -q 'server stopped' "$1"; }
