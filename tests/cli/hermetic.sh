# strace of a replay shows no socket, no connection, and no file written but the terminal and
# the runtime's own in /dev/shm: by the replayer and by all it starts.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

mkdir site work
seq 5000 >site/page
http_server "$PWD/site" || fail "no server"
cat >work/script <<S
curl -sS http://127.0.0.1:$PORT/dynamic http://127.0.0.1:$PORT/page -o page -w '%{size_download}\n'
date +%s%N >stamp; cp stamp stamp2; mv stamp2 stamp3; rm stamp; mkdir d; ln -s d l; cat stamp3; wc -l page
echo to stderr >&2
S
(cd work && expect 0 "$DEJA" record -q -o ../rec -- sh script && cp stdout stderr ..) || fail "recording failed"
cp stdout recorded
cp stderr recorded.err
stop_background
rm -rf work site
mkdir empty
got=0
(cd empty && limit strace -f -y -o ../trace -e trace=network,open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,link,linkat,symlink,symlinkat,truncate,ftruncate,chmod,fchmodat,write,writev,pwrite64,pwritev,sendfile,clock_settime,mount \
	"$DEJA" replay ../rec >../stdout 2>../stderr </dev/null) || got=$?
[ $got = 0 ] || fail "replay under strace: status $got: $(tail -3 stderr)"
cmp -s stdout recorded || fail "replay under strace: another stdout"
cmp -s stderr recorded.err || fail "replay under strace: another stderr"
[ -z "$(ls -A empty)" ] || fail "the replay made files: $(ls empty)"

# Its own: descriptors 1 and 2, memfds, its files in /dev/shm and a private directory, and
# the process's own memory (patched call sites are written through /proc/self/mem).
own='/dev/shm/deja-|/memfd:|/tmp/deja-|anon_inode:|pipe:|"/proc/self/mem"|^([0-9]+) +pwrite64\([0-9]+</proc/\1/mem>'
bad=$(grep -aE '^[0-9]+ +(socket|connect|bind|sendto|sendmsg|socketpair|listen|accept)' trace)
[ -z "$bad" ] || fail "the network was touched: $(head -1 <<<"$bad")"
bad=$(grep -aE '^[0-9]+ +(openat?2?|creat)\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC)' trace | grep -avE "$own|\"deja-|/dev/null|= -1 ")
[ -z "$bad" ] || fail "a file was opened for writing: $(head -1 <<<"$bad")"
bad=$(grep -aE '^[0-9]+ +(write|writev|pwrite64|pwritev|sendfile)\(' trace | grep -avE "^[0-9]+ +[a-z0-9]+\([12]<" | grep -avE "$own")
[ -z "$bad" ] || fail "something was written: $(head -1 <<<"$bad")"
bad=$(grep -aE '^[0-9]+ +(unlink|rename|mkdir|link|symlink|truncate|ftruncate|chmod|fchmod|clock_settime|mount)' trace |
	grep -avE "$own|\"deja-|= -1 ")
[ -z "$bad" ] || fail "the file system was touched: $(head -1 <<<"$bad")"
# Nothing of the runtime's own is left behind.
left=$(ls -d /dev/shm/deja-* 2>/dev/null | while read -r f; do [ "$f" -nt empty ] && echo "$f"; done)
[ -z "$left" ] || echo "note: in /dev/shm now (other tests may run): $left"
