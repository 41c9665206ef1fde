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
stop_background
