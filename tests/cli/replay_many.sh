# Five programs recorded once and replayed 50 times each: 50 times equal. A tree of many
# processes too, several replays at a time, so that the machine is busy.
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
cat >tree.sh <<'S'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q -b main r && cd r && date +%N >f && git add f && git commit -q -m "by $$" && cd .. && git clone -q r c
(cd c && git log --format='%H %s' && git status -s); for i in 1 2 3 4; do (date +%N | cat) & done; wait
S

record tree sh "$PWD/tree.sh"

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

# replays NUMBER FROM: replays of the tree, one after another; says which failed.
replays() {
	local i got
	for ((i = 0; i < $1; i++)); do
		got=0
		hermetic_replay "$PWD/tree" "$PWD/out.$2" "$PWD/err.$2" "$PWD/empty.$2" || got=$?
		if [ $got != 0 ] || ! cmp -s "out.$2" tree.out || ! cmp -s "err.$2" tree.err; then
			echo "round $i of $2: status $got: $(grep -a '^deja:' "err.$2" | head -1)" >>failed
		fi
	done
}
for j in 1 2 3 4; do replays 30 $j & done
wait
[ ! -s failed ] || fail "$(wc -l <failed) of 120 replays of a tree on a busy machine failed: $(head -1 failed)"
