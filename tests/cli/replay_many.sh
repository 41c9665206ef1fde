# Five programs recorded once and replayed 50 times each: 50 times equal.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

mkdir site db
http_server "$PWD/site" || fail "no server"
record() { # NAME CMD...
	local name=$1
	shift
	mkdir -p "work.$name"
	(cd "work.$name" && limit "$DEJA" record -q -o "../$name" -- "$@" >"../$name.out" 2>"../$name.err" </dev/null) ||
		fail "recording $name: $(tail -1 "$name.err")"
	rm -rf "work.$name"
}
record date date +%N
record bash bash -c 'for i in 1 2 3; do echo $RANDOM $$ $(date +%N) & done; wait'
record curl curl -sS "http://127.0.0.1:$PORT/dynamic"
record sqlite sqlite3 x.db 'create table t (r); insert into t values (random()), (random()); select * from t; select hex(randomblob(20))'
record python python3 -c 'import os, random, time; print(random.random(), time.time(), os.getpid(), id(object()), os.listdir("/proc/self/fd"))'
stop_background
for name in date bash curl sqlite python; do
	for i in $(seq 50); do
		got=0
		hermetic_replay "$PWD/$name" "$PWD/out" "$PWD/err" || got=$?
		[ $got = 0 ] || fail "$name, replay $i: status $got: $(head -1 err)"
		cmp -s out "$name.out" || fail "$name, replay $i: another stdout"
		cmp -s err "$name.err" || fail "$name, replay $i: another stderr"
	done
done
