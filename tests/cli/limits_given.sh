# Limits and namespaces that deja is started under: the program keeps its own, the recorder lives
# with them, or one line says what is in the way and what to do, and nothing is run or left.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

# few descriptors, many processes: the limit is the program's, not the recorder's
cat >many.sh <<'S'
ulimit -Sn
exec 3<>fifo # so that no one waits to open it
for i in $(seq 40); do (exec 3>&- <fifo; echo $i >up.$i; read -r _; echo $i $$) & done
for i in $(seq 40); do until [ -s up.$i ]; do sleep 0.01; done; done
exec 3>&- # the end of the file for all of them: until here they live
wait
S
mkfifo fifo
expect 0 prlimit --nofile=40:4096 "$DEJA" record -o many -- bash many.sh
[ "$(head -1 stdout)" = 40 ] || fail "the program's limit: $(head -1 stdout)"
[ "$(wc -l <stdout)" = 41 ] && ! grep -q 'cannot' stderr || fail "many processes: $(cat stderr)"
cp stdout recorded
expect 0 "$DEJA" replay many
cmp -s stdout recorded || fail "many processes: another output"

refused() { # PATTERN CMD...
	local pattern=$1
	shift
	expect 125 "$@" "$DEJA" record -o refused -- touch ran
	one_line "$pattern"
	[ ! -e ran ] && [ ! -e refused ] || fail "$pattern: something was run or left"
}
refused 'ulimit -v' prlimit --as=200000000
refused 'ulimit -Hf' prlimit --fsize=1000
if unshare -m true 2>/dev/null; then
	refused 'no room.*shm-size' unshare -m sh -c 'mount -t tmpfs -o size=64k none /dev/shm && exec "$@"' sh
	refused 'another pid namespace.*mount-proc' unshare -pf

	# a replay keeps its session and some MiB of each stream there: none for the one, for the first
	# frame of the other, for more of them, while it runs
	expect 0 "$DEJA" record -q -o large -- sh -c 'head -c 12000000 /dev/urandom | cat | cksum'
	for size in 64k 1m 2m 6m; do
		expect 122 unshare -m sh -c "mount -t tmpfs -o size=$size none /dev/shm"' && exec "$@"' sh \
			"$DEJA" replay large
		one_line 'no room.*shm-size'
	done
	expect 0 "$DEJA" verify large
	# and a little of every file whose name is long, and of every process that begins
	deep=$(printf 'a recording that lies far down/%.0s' {1..8})
	mkdir -p "$deep" && cp -r many "$deep"
	for ((size = 500; size < 8000; size += 100)); do
		unshare -m sh -c "mount -t tmpfs -o size=${size}k none /dev/shm"' && exec "$@"' sh \
			"$DEJA" replay "${deep}many" >stdout 2>stderr </dev/null && break
		[ $? = 122 ] || fail "$size KiB: another status: $(cat stderr)"
		one_line 'no room.*shm-size'
		cat stderr >>lines
	done
	cmp -s stdout recorded || fail "$size KiB: another output"
	grep -q 'another process' lines || fail "no process was refused room: $(sort lines | uniq -c)"
fi
if ! prlimit --nofile=16:16 prlimit --nofile=1200:1200 true 2>/dev/null; then
	refused 'ulimit -Hn' prlimit --nofile=16:16
fi
