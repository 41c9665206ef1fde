# A recorded PostgreSQL client: the extracted streams are what the relay before the server saw,
# tshark reads the same statements.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

for need in psql tshark runuser; do command -v $need >/dev/null || skip "$need is not installed"; done
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
[ -x "$bin/postgres" ] || skip "no PostgreSQL server is installed"
[ "$(id -u)" = 0 ] && id postgres >/dev/null 2>&1 || skip "needs root and the user postgres to start a server"
LOOK=$TESTS/look
export DEJA
check() { limit /usr/bin/python3 "$LOOK/check.py" "$@" >checked 2>&1 || fail "check.py $*: $(tail -3 checked)"; }
# The server's user must reach its directory.
data=$(mktemp -d /tmp/deja-pg.XXXXXX)
trap 'rm -rf "$data"' EXIT
chown postgres "$data"
limit runuser -u postgres -- "$bin/initdb" -D "$data/db" -A trust --no-sync >log 2>&1 || fail "initdb: $(tail -1 log)"
port=$(free_port)
background runuser -u postgres -- "$bin/postgres" -D "$data/db" -p "$port" -c fsync=off -k "$data" -h 127.0.0.1
wait_port "$port" || fail "postgres"
mkdir log.d
background /usr/bin/python3 "$LOOK/relay.py" log.d "$port"
wait_for log.d/port || fail "the relay"
{
	echo 'create table t (a int, b text);'
	for i in $(seq 30); do echo "insert into t values ($i, 'row $i');"; done
	echo 'select count(*), sum(a) from t;'
} >statements
# It answers on its port before it lets anybody in.
for _ in $(seq 100); do psql -h 127.0.0.1 -p "$port" -U postgres -c 'select 1' >/dev/null 2>&1 && break; sleep 0.1; done
limit "$DEJA" record -q -o rec -- psql -X -q -h 127.0.0.1 -p "$(cat log.d/port)" -U postgres \
	"sslmode=disable gssencmode=disable" -f statements >out 2>&1 || fail "psql: $(cat out)"
wait_for log.d/1.port || fail "the relay's log"
check client-streams rec log.d
check capture rec pgsql.query pgsql.query "tcp.port==$(cat log.d/port),pgsql"
/usr/bin/python3 -c '
have, want = open("checked").read().splitlines(), open("statements").read().splitlines()
assert have == want, (len(have), len(want), have[:2])' || fail "tshark reads other statements: $(head -3 checked)"

# pgbench: several connections, and what it asks is its own. Its log is what the relay saw; the queries
# are taken from it by the protocol.
if command -v pgbench >/dev/null || [ -x "$bin/pgbench" ]; then
	bench=$(command -v pgbench || echo "$bin/pgbench")
	limit "$bench" -q -i -h 127.0.0.1 -p "$port" -U postgres postgres >out 2>&1 || fail "pgbench -i: $(tail -1 out)"
	mkdir bench.d
	background /usr/bin/python3 "$LOOK/relay.py" bench.d "$port"
	wait_for bench.d/port || fail "the relay"
	export PGSSLMODE=disable PGGSSENCMODE=disable
	limit "$DEJA" record -q -o bench -- "$bench" -n -c 3 -t 20 -h 127.0.0.1 -p "$(cat bench.d/port)" -U postgres postgres >out 2>&1 ||
		fail "pgbench: $(cat out)"
	grep -q 'actually processed: 60/60' out || fail "pgbench: $(cat out)"
	for i in 1 2 3; do wait_for bench.d/$i.port || fail "the relay's log"; done
	check client-streams bench bench.d
	check capture bench pgsql.query pgsql.query "tcp.port==$(cat bench.d/port),pgsql"
	/usr/bin/python3 - <<'PY' || fail "tshark reads other statements of pgbench: $(head -3 checked)"
import glob, re
want = []
for path in glob.glob("bench.d/*.sent"):
    data = open(path, "rb").read()
    at = int.from_bytes(data[:4], "big")  # the start-up message has no type
    while at < len(data):
        kind, size = data[at:at + 1], int.from_bytes(data[at + 1:at + 5], "big")
        if kind == b"Q":
            want.append(data[at + 5:at + size].decode().strip())
        at += 1 + size
have = [line.strip() for line in open("checked") if line.strip()]
assert len(want) >= 60 * 7, len(want)
assert sorted(have) == sorted(want), (len(have), len(want), set(have) ^ set(want))
PY
fi
stop_background
