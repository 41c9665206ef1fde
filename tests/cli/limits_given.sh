# Limits and namespaces that deja is started under: the program keeps its own, the recorder lives
# with them, or one line says what is in the way and what to do, and nothing is run or left.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

# few descriptors, many processes: the limit is the program's, not the recorder's
cat >many.sh <<'S'
ulimit -Sn
for i in $(seq 40); do (read -r _ <fifo; echo $i $$) & done
sleep 0.5
exec 3>fifo
sleep 0.2
exec 3>&-
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
fi
if ! prlimit --nofile=16:16 prlimit --nofile=1200:1200 true 2>/dev/null; then
	refused 'ulimit -Hn' prlimit --nofile=16:16
fi
