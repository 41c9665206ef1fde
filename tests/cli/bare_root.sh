# A recording travels: packed, and replayed in a root directory that holds nothing but deja and
# what it is linked with, under another dynamic linker's eyes: no program, no library of the
# recording's, no file that it read; as an ordinary user where that can be; and with libraries of
# other content first in the way.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"
export XDG_CACHE_HOME=$PWD/cache

unshare -rm true 2>/dev/null || skip "unshare is not permitted here"
command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"
built=$(dirname "$(dirname "$DEJA")")

# root/: deja, its libraries, a dynamic linker; /proc and /dev/shm are mounted when it is used.
mkdir -p root/{proc,dev/shm,tmp,opt/bin,opt/lib/deja,work}
cp "$built/bin/deja" root/opt/bin/
cp "$built"/lib/deja/deja-* "$built"/lib/deja/libdeja-replay.so root/opt/lib/deja/
for f in root/opt/bin/deja root/opt/lib/deja/deja-bundle; do
	ldd "$f" | grep -o '/[^ ]*' | sort -u | while read -r lib; do
		mkdir -p "root/private" "root/$(dirname "$lib")"
		case $lib in
		*/ld-linux*) cp "$lib" "root$lib" ;;
		*) cp "$lib" root/private/ ;;
		esac
	done
done
# What the recordings need is in the way with another content, under the names they know.
mkdir -p root/lib/x86_64-linux-gnu root/usr/lib/x86_64-linux-gnu root/bin root/usr/bin
for lib in libc.so.6 libm.so.6 libsqlite3.so.0 libz.so.1 libtinfo.so.6; do
	cp root/private/libunwind.so.8 root/lib/x86_64-linux-gnu/$lib 2>/dev/null || echo no >root/lib/x86_64-linux-gnu/$lib
	echo no >root/usr/lib/x86_64-linux-gnu/$lib
done
touch root/dev/null

# there_deja ARG...: deja in that root, without network, under another environment.
there_deja() {
	limit unshare -rmn bash -c '
		mount --bind /dev/null root/dev/null && mount -t tmpfs none root/dev/shm &&
		mount --rbind /proc root/proc &&
		exec env -i LD_LIBRARY_PATH=/private HOME=/tmp TERM=dumb /usr/sbin/chroot root /opt/bin/deja "$@"' - "$@"
}

cat >crash.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static int rounds;
static void *work(void *arg)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	printf("thread %ld: %ld.%09ld, %d rounds\n", (long)arg, ts.tv_sec, ts.tv_nsec, rounds);
	return NULL;
}
int main(void)
{
	pthread_t t[4];
	FILE *f = fopen("config", "r");
	if (!f || fscanf(f, "rounds=%d", &rounds) != 1)
		return 2;
	fclose(f);
	for (long i = 0; i < rounds; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	for (long i = 0; i < rounds; i++)
		pthread_join(t[i], NULL);
	fflush(stdout);
	fprintf(stderr, "now it crashes\n");
	return *(volatile int *)(long)(rounds - 4);
}
C
${CC:-cc} -O1 -o crash crash.c -lpthread || skip "no compiler"
echo rounds=4 >config

# travels NAME CMD...: recorded and packed here, replayed there, twice.
travels() {
	local name=$1 status=0 got i
	shift
	limit "$DEJA" record -q -o "rec-$name" -- "$@" >"$name.out" 2>"$name.err" </dev/null || status=$?
	expect 0 "$DEJA" pack -o "root/work/$name.deja" "rec-$name"
	rm -rf "rec-$name"
	for i in 1 2; do
		got=0
		there_deja replay "/work/$name.deja" >got.out 2>got.err </dev/null || got=$?
		[ $got = $status ] || fail "$name: status $got, not $status: $(head -3 got.err)"
		cmp -s got.out "$name.out" || fail "$name: another stdout: $(diff -a got.out "$name.out" | head -3)"
		sed -i '/lib.sh: line .*Segmentation fault/d' got.err "$name.err" # the shell's own remark
		cmp -s got.err "$name.err" || fail "$name: another stderr: $(cat got.err)"
	done
	[ -s "$name.out" ] || fail "$name: it printed nothing"
}
travels crash ./crash
rm crash config
travels pipeline bash -c 'seq 1 5000 | sort -R | head -50 | awk "{ s += \$1 } END { print s, NR }"; echo $RANDOM >&2; date +%N; exit 9'
travels sqlite sqlite3 data.db 'create table t(x); insert into t values (random()), (random()); select * from t; select datetime("now", "subsec")'
travels python python3 -c 'import json, os, random, sqlite3, sys, time
c = sqlite3.connect(":memory:"); print(c.execute("select random()").fetchone(), json.dumps([time.time(), os.getpid()]))
print(random.random(), file=sys.stderr); sys.exit(4)'

# It says that it can be replayed there, and what would be in the way.
there_deja verify --env /work/crash.deja >env.out 2>env.err || fail "verify --env: $(cat env.out env.err)"
grep -q '^It can be replayed here' env.out || fail "verify --env: $(cat env.out)"
rm root/opt/lib/deja/deja-loader
if there_deja verify --env /work/crash.deja >env.out 2>&1; then fail "a missing loader is not seen: $(cat env.out)"; fi
grep -q '^no .*deja-loader' env.out || fail "the missing loader is not named: $(cat env.out)"
exit 0
