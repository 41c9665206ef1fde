# A recording packed into one file: deterministic, opened by ordinary tools and by every
# command, split, unpacked equal; who is killed in the middle leaves nothing under the name.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"
export XDG_CACHE_HOME=$PWD/cache

expect 3 "$DEJA" record -q -o rec -- sh -c 'echo out; echo err >&2; date +%N; exit 3'
mv stdout out

# The recording says itself what it is, from its beginning on.
grep -q '^    sh -c .echo out; echo err ' rec/README.txt && grep -q 'ended with exit 3' rec/README.txt && grep -q 'deja replay REC' rec/README.txt ||
	fail "README.txt: $(cat rec/README.txt)"
grep -q '^deja: [0-9]' rec/settings && grep -q '^limit nofile: [0-9]' rec/settings && grep -q '^cpu: .' rec/settings ||
	fail "settings: $(cat rec/settings)"
expect 0 "$DEJA" record -q --note 'see ticket 4711' -o begun -- grep -c 'not ended w[h]en' begun/README.txt
[ "$(cat stdout)" = 1 ] && grep -q 'ended with exit 0' begun/README.txt || fail "README.txt: $(cat stdout begun/README.txt)"
[ "$(stat -c %a begun/README.txt begun/settings begun/note.txt)" = "$(printf '600\n600\n600')" ] || fail "modes"
expect 0 "$DEJA" info begun
grep -q '^Note  *see ticket 4711$' stdout || fail "the note of record: $(head -4 stdout)"

# The same bytes twice, also from another place and with other times.
expect 0 "$DEJA" pack -o a.deja --note 'a word' rec
[ "$(sed -n 's/.*sha256://p' stdout)" = "$(sha256sum a.deja | cut -d' ' -f1)" ] || fail "another hash is said: $(cat stdout)"
mkdir elsewhere
cp -r rec elsewhere/other
find elsewhere -exec touch -d 2001-01-01 {} +
echo 'a word' >note
expect 0 "$DEJA" pack -o b.deja --note note elsewhere/other
cmp a.deja b.deja || fail "packing is not deterministic"
expect 125 "$DEJA" pack -o a.deja rec
one_line 'exists already'

# Ordinary tools open it; the manifest is first and true.
mkdir plain
tar --zstd -xf a.deja -C plain || fail "tar does not open it"
tar --zstd -tf a.deja 2>&1 | head -1 | grep -qx MANIFEST || fail "the manifest is not first"
(cd plain && sed 1d MANIFEST | awk '{print $1 "  " $4}' | sha256sum -c --quiet) || fail "the manifest is wrong"
[ "$(find plain -type f ! -name MANIFEST | wc -l)" = "$(sed 1d plain/MANIFEST | wc -l)" ] || fail "the manifest lacks members"
[ "$(cat plain/note.txt)" = 'a word' ] || fail "the note is lost"
grep -q 'deja replay' plain/README.txt || fail "no README.txt"

# Every command takes it; nothing is left in the directory.
for command in info ps cat verify; do
	expect 0 "$DEJA" $command a.deja
done
expect 3 "$DEJA" replay a.deja
cmp stdout out || fail "another output"
[ "$(cat stderr)" = err ] || fail "another stderr"
[ "$(stat -c %a cache/deja)" = 700 ] || fail "the cache is open to others"
expect 0 "$DEJA" cat rec
mv stdout events
expect 0 "$DEJA" cat a.deja
cmp stdout events || fail "other events"

expect 0 "$DEJA" info a.deja
grep -q '^Note  *a word$' stdout || fail "info does not show the note: $(head -5 stdout)"
grep -qE '/libc.so.6  build id [0-9a-f]{40}$' stdout || fail "info shows no build ids: $(cat stdout)"
grep -qE '^Files .*: programs and libraries .*iB, other ' stdout || fail "info shows no sizes by part: $(cat stdout)"

# Parts: the first stands for all, and they are one file when put together.
expect 0 "$DEJA" pack -o s.deja --note 'a word' --split 256K rec
[ ! -e s.deja ] && [ "$(stat -c %s s.deja.001)" = 262144 ] || fail "parts of another size"
cat s.deja.* | cmp - a.deja || fail "the parts are not the whole"
expect 3 "$DEJA" replay s.deja.001
cmp stdout out || fail "another output from the parts"
last=$(printf '%s\n' s.deja.* | tail -1)
mv "$last" away
expect 121 "$DEJA" verify s.deja.001
one_line 'truncated.*part'

# Unpacked, it is the recording again.
expect 0 "$DEJA" unpack a.deja
diff -r rec a | grep -v '^Only in a: note.txt$' && fail "unpacked is not what was packed"
[ "$(stat -c %a a a/header)" = "$(printf '700\n600')" ] || fail "modes: $(stat -c '%a %n' a a/header)"
expect 3 "$DEJA" replay a
expect 121 "$DEJA" unpack a.deja
one_line 'not empty'

# Killed in the middle: nothing under the final name, no leftover beside it.
mkdir big
cp -r rec/. big
head -c 200M /dev/urandom >big/f/00000000000000000000000000000000
# kill_in_the_middle SIGNAL MADE CMD...: when it has written its first MiB. Where it is too fast for us,
# once more, without what it made.
kill_in_the_middle() {
	local signal=$1 made=$2 i pid written
	shift 2
	for ((i = 0; i < 20; i++)); do
		"$@" >/dev/null 2>&1 &
		pid=$!
		written=0
		while kill -0 $pid 2>/dev/null && [ "${written:-0}" -lt 1000000 ]; do
			written=$(sed -n 's/^wchar: //p' /proc/$pid/io 2>/dev/null)
		done
		kill -"$signal" $pid 2>/dev/null
		wait $pid 2>/dev/null
		case $? in 137 | 143) return ;; esac
		rm -rf "$made"
	done
	fail "it was too fast to be killed"
}
for signal in KILL TERM; do
	mkdir out-$signal
	kill_in_the_middle $signal out-$signal/k.deja "$DEJA" pack -o out-$signal/k.deja big
	[ -z "$(ls -A out-$signal)" ] || fail "killed by $signal, it left $(ls -A out-$signal)"
done

# Memory is bounded, whatever the size; a terminal sees how far it has come.
resident() { # MAX-MIB CMD...
	python3 - "$@" <<'P'
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
sys.exit(status or ("%d MiB resident" % peak if peak > int(sys.argv[1]) else 0))
P
}
# a sanitizer has memory of its own beside every byte
more=$((${ASAN_OPTIONS:+1} + 1))
resident $((128 * more)) "$DEJA" pack -o k.deja big || fail "packing 200 MiB"
resident $((64 * more)) "$DEJA" unpack -o k.unpacked k.deja || fail "unpacking 200 MiB"
rm -rf k.unpacked
script -qec "$DEJA pack -o bar.deja big" /dev/null </dev/null >bar.txt
grep -q 'packing \[#.*%' bar.txt || fail "no progress bar: $(head -c 300 bar.txt)"
rm bar.deja
kill_in_the_middle KILL k "$DEJA" unpack -o k k.deja
[ ! -e k ] || fail "killed, it left the final name"

# A terminal gets a bar.
script -qec "$DEJA unpack -o bar k.deja" /dev/null </dev/null >bar.txt
grep -q 'unpacking \[#.*%' bar.txt || fail "no progress bar: $(head -c 300 bar.txt)"
exit 0
