# Bundles made to do harm, or damaged: each is refused with one line and status 121, and
# nothing is left, inside or outside; no other command takes them either.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"
export XDG_CACHE_HOME=$PWD/cache

expect 0 "$DEJA" record -q -o rec -- true
expect 0 "$DEJA" pack -o good.deja rec
mkdir victim made
echo precious >victim/file

# forge.py KIND: rewrites the good bundle into made/KIND.tar.
cat >forge.py <<'PY'
import hashlib, io, subprocess, sys, tarfile
kind = sys.argv[1]
raw = subprocess.run(["zstd", "-dcq", "good.deja"], stdout=subprocess.PIPE, check=True).stdout
members = [(m, tarfile.open(fileobj=io.BytesIO(raw)).extractfile(m.name).read())
           for m in tarfile.open(fileobj=io.BytesIO(raw))]
members = [(m.name, data, tarfile.REGTYPE, "") for m, data in members]
manifest = members.pop(0)[1].decode()
sha = lambda data: hashlib.sha256(data).hexdigest()
line = lambda name, data, size=None: "%s 0600 %d %s\n" % (sha(data), len(data) if size is None else size, name)
first = True

def add(name, data=b"x", type=tarfile.REGTYPE, link="", listed=None):
    global manifest
    manifest += line(listed or name, data)
    members.append((name, data, type, link))

if kind == "absolute": add("/tmp/deja-was-here")
elif kind == "absolute_unlisted": add("/tmp/deja-was-here", listed="zz")
elif kind == "dotdot": add("../outside")
elif kind == "dotdot_unlisted": add("f/../../outside", listed="zz")
elif kind == "dot_dotdot": add("./../zz", listed="zz")
elif kind == "dot_absolute": add(".//zz", listed="zz")
elif kind == "dot_twice": add("./header", b"evil", listed="zz")
elif kind == "manifest_twice": members.append(("MANIFEST", b"evil", tarfile.REGTYPE, ""))
elif kind == "manifest_behind_bomb": first = False; members.insert(0, ("zz", bytes(3 << 19), tarfile.REGTYPE, ""))
elif kind == "no_manifest": pass
elif kind == "hidden_directory": members.insert(0, (".ssh", b"", tarfile.DIRTYPE, ""))
elif kind == "directory_outside": members.insert(0, ("../made2", b"", tarfile.DIRTYPE, ""))
elif kind == "hidden": add(".bashrc")
elif kind == "symlink": add("zz", b"", tarfile.SYMTYPE, "../victim/file")
elif kind == "symlink_dir":
    members.append(("zz", b"", tarfile.SYMTYPE, "../victim")); add("zz/file", b"evil")
elif kind == "hardlink": add("zz", b"", tarfile.LNKTYPE, "../victim/file")
elif kind == "hardlink_inside": add("zz", b"", tarfile.LNKTYPE, "header")
elif kind == "device": add("zz", b"", tarfile.CHRTYPE)
elif kind == "fifo": add("zz", b"", tarfile.FIFOTYPE)
elif kind == "directory": add("zz", b"", tarfile.DIRTYPE)
elif kind == "twice": add("header", b"evil")
elif kind == "twice_unlisted": members.append(("header", b"evil", tarfile.REGTYPE, ""))
elif kind == "unlisted": members.append(("zz", b"evil", tarfile.REGTYPE, ""))
elif kind == "below_file": add("header/zz", b"evil")
elif kind == "missing": members.pop()
elif kind == "order": members[-1], members[-2] = members[-2], members[-1]
elif kind == "hash":
    name, data, t, l = members[-1]; members[-1] = (name, bytes([data[0] ^ 1]) + data[1:], t, l)
elif kind == "longer":
    name, data, t, l = members[-1]; members[-1] = (name, data + b"more", t, l)
elif kind == "shorter":
    name, data, t, l = members[-1]; members[-1] = (name, data[:-1], t, l)
elif kind == "bomb": members.append(("zz", bytes(3 << 30), tarfile.REGTYPE, "")); manifest += "%s 0600 %d zz\n" % ("0" * 64, 3 << 30)
elif kind == "bomb_unsaid": members.append(("zz", bytes(1 << 28), tarfile.REGTYPE, "")); manifest += line("zz", b"x")
elif kind == "size_overflow": manifest += "%s 0600 18446744073709551615 zz\n" % ("0" * 64)
elif kind == "size_sum": manifest += ("%s 0600 9223372036854775807 zz\n%s 0600 9223372036854775807 zy\n" % ("0" * 64, "0" * 64))
elif kind == "manifest_newer": manifest = manifest.replace("bundle 1", "bundle 2")
elif kind == "manifest_garbage": manifest = "\x00\xff" * 100
elif kind == "manifest_last": first = False
elif kind == "escape": add("zz\x1b[31m", listed="zz")
elif kind == "no_recording": members = []; manifest = "deja bundle 1\n"; add("zz")
elif kind != "same": sys.exit("no such kind: " + kind)

if kind == "bomb": # as zeros, without holding them
    members.pop()
out = tarfile.open("made/%s.tar" % kind, "w", format=tarfile.PAX_FORMAT)
def put(name, data, type, link):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = (len(data) if type == tarfile.REGTYPE else 0), type, link
    out.addfile(info, io.BytesIO(data))
everything = [("MANIFEST", manifest.encode("latin-1"), tarfile.REGTYPE, "")]
everything = everything + members if first else members + everything
if kind == "no_manifest": everything.pop(0)
for m in everything:
    put(*m)
out.close()
PY

# refused FILE PATTERN: by unpack and by a reading command, leaving nothing.
refused() {
	local command
	for command in unpack info; do
		rm -rf out
		if [ $command = unpack ]; then expect 121 "$DEJA" unpack -o out/made "$1"; else expect 121 "$DEJA" info "$1"; fi
		one_line "$2"
		[ ! -s stdout ] || fail "$1: $command printed $(head -1 stdout)"
		[ "$(cat victim/file)" = precious ] && [ ! -e /tmp/deja-was-here ] && [ ! -e outside ] ||
			fail "$1: $command wrote outside"
		[ -z "$(ls -A out)" ] || fail "$1: $command left $(ls -A out)"
		[ -z "$(ls -A cache/deja 2>/dev/null)" ] || fail "$1: $command left $(ls -A cache/deja)"
	done
}
expect() { # as in lib.sh, in a directory for what is made
	local want=$1 got=0
	shift
	mkdir -p out
	limit "$@" >stdout 2>stderr </dev/null || got=$?
	[ "$got" = "$want" ] || fail "$* gave status $got, not $want: $(cat stderr)"
}

# What the forger does not change is taken: the refusals below are of what it does.
python3 forge.py same && zstd -q made/same.tar -o made/same.deja
expect 0 "$DEJA" verify made/same.deja
rm -rf cache

while read -r kind pattern; do
	python3 forge.py "$kind" || fail "cannot forge $kind"
	zstd -q "made/$kind.tar" -o "made/$kind.deja"
	refused "made/$kind.deja" "$pattern"
	rm -f "made/$kind.tar"
done <<'KINDS'
absolute no recording has
absolute_unlisted absolute path
dotdot no recording has
dotdot_unlisted leads elsewhere
dot_dotdot leads elsewhere
dot_absolute absolute path
dot_twice comes twice
hidden_directory no regular file
directory_outside no regular file
manifest_twice comes twice
no_manifest no MANIFEST
hidden no recording has
symlink is a link
symlink_dir is a link
hardlink is a link
hardlink_inside is a link
device no regular file
fifo no regular file
directory is missing
twice names a member twice
twice_unlisted comes twice
unlisted not in its manifest
below_file Not a directory
missing is missing
hash SHA-256
longer another size
shorter another size
bomb would become
bomb_unsaid another size
size_overflow sizes in it are impossible
size_sum sizes in it are impossible
manifest_newer newer deja
manifest_garbage it is not
escape leads elsewhere
no_recording no recording in it
KINDS

# What comes before a manifest is limited as the whole is.
python3 forge.py manifest_behind_bomb && zstd -q made/manifest_behind_bomb.tar -o made/behind.deja
expect 121 "$DEJA" unpack --limit 1M -o out/made made/behind.deja
one_line 'too much comes before'

# Packed again by hand, in another order and with tar's own names, it is the same recording.
mkdir plain && tar --zstd -xf good.deja -C plain || fail "tar does not open it"
tar --zstd -cf made/dots.deja -C plain .
(cd plain && tar --zstd -cf ../made/reversed.deja $(find . -type f ! -name MANIFEST | sort -r) MANIFEST)
python3 forge.py order && zstd -q made/order.tar -o made/order.deja
python3 forge.py manifest_last && zstd -q made/manifest_last.tar -o made/manifest_last.deja
for f in dots reversed order manifest_last; do
	rm -rf cache out
	expect 0 "$DEJA" verify made/$f.deja
	expect 0 "$DEJA" unpack -o out/made made/$f.deja
	diff -r rec out/made || fail "$f: not the same recording"
done
rm -rf cache
echo more >>plain/header
tar --zstd -cf made/altered.deja -C plain .
refused made/altered.deja 'another size'

# Not bundles at all, and bundles cut or bent.
python3 -c 'import zipfile; z = zipfile.ZipFile("made/zip.deja", "w"); z.write("rec/header", "header")'
refused made/zip.deja 'zip archive'
tar -czf made/gzip.deja rec
refused made/gzip.deja 'gzip data'
tar -cf made/tar.deja rec
refused made/tar.deja 'not a bundle'
: >made/empty.deja
refused made/empty.deja 'empty'
echo text | zstd -q >made/text.deja
refused made/text.deja 'not a bundle|damaged'
size=$(stat -c %s good.deja)
for cut in 3 100 $((size / 2)) $((size - 1)); do
	head -c $cut good.deja >made/cut.deja
	refused made/cut.deja 'truncated|not a bundle|damaged'
done
for at in 20 $((size / 3)) $((size - 30)); do
	python3 -c '
import sys
b = bytearray(open("good.deja", "rb").read())
b[int(sys.argv[1])] ^= 0x55
open("made/bent.deja", "wb").write(b)' $at
	refused made/bent.deja 'damaged|SHA-256|refused|truncated|not a bundle'
done
exit 0
