# PostgreSQL: processes that share most of their memory, with spinlocks, semaphores, latches.
# shellcheck source=tests/postgres.lib.sh
. "$TESTS/postgres.lib.sh"
NEED=("$PG/postgres" unshare)
setup() {
	pg_init || return
	CMD=("${AS[@]}" "$PG/postgres" -D data -k "$DIR/work" -c listen_addresses= -c fsync=off)
}
ready() { until_true "$PG/pg_isready" -q -h "$DIR/work"; }
client() { local name=$1; shift; "$PG/$name" -h "$DIR/work" -U "$PG_USER" "$@"; }
load() {
	client createdb bench && client pgbench -i -q bench &&
		client pgbench -c 4 -j 2 -t $((100 * LOAD)) bench &&
		client psql -Atc 'select count(*) from pgbench_history' bench >count &&
		[ "$(cat count)" = $((400 * LOAD)) ]
}
stop() { kill -INT "$SERVER"; }
