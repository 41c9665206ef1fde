# Bytes that several reads got are stored once: every command sees them in full, a copy of the
# recording too, whatever was left out of it, and damage is noticed.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

references() { # REC: how many references its streams have, by the second decoder
	python3 - "$1" <<'P'
import os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.environ["TESTS"])
import decode
for name in os.listdir(sys.argv[1]):
	if name[0] == "p" and name.endswith(".zst"):
		decode.decode_stream(os.path.join(sys.argv[1], name))
print(len(decode.references))
P
}
export TESTS
bytes() { cat "$1"/p*.zst | wc -c; }

# 30 programs read the same 100000 bytes.
head -c 75000 /dev/urandom | base64 -w 77 >data.conf
printf 'password = Xk29LmQ7rT4wPz\n' >>data.conf
len=$(wc -c <data.conf)
cat >tree.sh <<'S'
for i in 1 2 3 4 5 6 7 8 9 10; do cat data.conf | tail -n 1; sum <data.conf; dd if=data.conf bs=1M status=none | md5sum; done
S
expect 0 "$DEJA" record -q -o rec -- sh tree.sh
cp stdout recorded
[ "$(bytes rec)" -lt $((8 * len)) ] || fail "$(bytes rec) bytes of streams for $len that were read over and over"
[ "$(references rec)" -ge 20 ] || fail "$(references rec) references"
expect 0 "$DEJA" info --json rec
grep -q '"format": *2' stdout || fail "format: $(grep -o '"format[^,]*' stdout)"
expect 0 python3 "$TESTS/decode.py" rec
expect 0 "$DEJA" verify rec

# Found in every place, and whole.
expect 0 "$DEJA" grep Xk29LmQ7rT4w rec
n=$(grep -c ' in ' stdout)
[ "$n" -ge 30 ] || fail "grep found $n places: $(head -3 stdout)"
"$DEJA" streams --json --path data.conf rec >streams
python3 - "$DEJA" <<'P' || fail "extract"
import json, subprocess, sys
data, n = open("data.conf", "rb").read(), 0
for s in json.load(open("streams")):
    got = subprocess.run([sys.argv[1], "extract", "--stream", "%d:in" % s["id"], "-o", "-", "rec"],
                         check=True, stdout=subprocess.PIPE).stdout
    if got:
        assert got == data, (s, len(got))
        n += 1
assert n == 30, n
P

# Copies.
rm data.conf tree.sh
hermetic_replay "$PWD/rec" "$PWD/out" "$PWD/err" || fail "replay gave $?: $(cat err)"
cmp recorded out || fail "the replay differs"
expect 0 "$DEJA" pack -o rec.deja rec
expect 0 "$DEJA" verify rec.deja
expect 0 "$DEJA" unpack -o unpacked rec.deja
[ "$(references unpacked)" = "$(references rec)" ] || fail "packing changes references"
expect 0 "$DEJA" trim --until 4711s -o trimmed rec
hermetic_replay "$PWD/trimmed" "$PWD/out" "$PWD/err" || fail "the trimmed copy gave $?: $(cat err)"
cmp recorded out || fail "the trimmed copy's replay differs"
expect 0 "$DEJA" trim --call read -o reads rec
"$DEJA" cat --call read rec | grep -c Xk29LmQ7rT4w >n1
expect 0 "$DEJA" grep Xk29LmQ7rT4w reads

# A secret in bytes that are stored once is replaced wherever they were read.
expect 0 "$DEJA" redact -o safe rec
expect 1 "$DEJA" grep Xk29LmQ7rT4w safe
! cat safe/p*.zst | zstd -dcq | grep -aq Xk29LmQ7rT4w || fail "the secret is in the copy's streams"
expect 0 "$DEJA" verify safe

# A stream that others refer to is missing, or another's.
holder=$(python3 - <<'P'
import os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.environ["TESTS"])
import decode
seen = {}
piece = decode.Stream.piece
def counted(self, stream, *more):
    seen[stream] = seen.get(stream, 0) + 1
    return piece(self, stream, *more)
decode.Stream.piece = counted
for name in os.listdir("rec"):
    if name[0] == "p" and name.endswith(".zst"):
        decode.decode_stream("rec/" + name)
print(max(seen, key=seen.get))
P
)
cp -r rec bad
rm "bad/p$holder.zst"
expect 121 "$DEJA" cat bad
expect 121 "$DEJA" verify bad
other=$(("$holder" > 1 ? 1 : 2))
cp "rec/p$other.zst" "bad/p$holder.zst"
expect 121 "$DEJA" cat bad

# What never comes twice needs no reference.
expect 0 "$DEJA" record -q -o plain -- true
expect 0 "$DEJA" info --json plain
grep -q '"format": *1' stdout || fail "format: $(grep -o '"format[^,]*' stdout)"
