# shellcheck shell=bash disable=SC2034
# For tests/programs/postgres.sh and tests/servers/postgres.sh: where PostgreSQL's programs are,
# and how to run them, since the server refuses root: as nobody, in a user namespace.
PG=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -1)
AS=() PG_USER=$(id -un)
[ "$(id -u)" != 0 ] || AS=(unshare -U) PG_USER=nobody
pg_init() { "${AS[@]}" "$PG/initdb" -D data -A trust -N --no-locale; }
