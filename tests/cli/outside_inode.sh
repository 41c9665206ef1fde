# A file whose inode number was that of a removed one, which the recording shared, is another file: whoever maps
# it outside of the recording is none to warn of. Who maps the removed one is.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >inside.py <<'P'
import mmap, os, time
with open("file", "w+b") as f:
    f.truncate(4096)
    m = mmap.mmap(f.fileno(), 4096)
    print(os.fstat(f.fileno()).st_ino, flush=True)
m[0] = 1
while not os.path.exists("mapped"):
    time.sleep(0.01)
m.close()
os.unlink("file")
os.rename("removing", "removed") # a new file might be given the number
while not os.path.exists("go"):
    time.sleep(0.01)
P
# Maps "file", or until one has this inode number a new one after the other.
cat >outside.py <<'P'
import mmap, os, sys, time
wanted, count = int(sys.argv[1]), 0
f = open("file", "r+b") if not wanted else None
while wanted:
    f = open("other%d" % count, "w+b")
    if os.fstat(f.fileno()).st_ino == wanted:
        break
    count += 1
    if count == 500:
        sys.exit("none")
f.truncate(4096)
m = mmap.mmap(f.fileno(), 4096)
m[1] = 2
open("mapped", "w").close()
while not os.path.exists("end"):
    time.sleep(0.01)
P

# run false|true: the recording, while another file is mapped outside; or the same one. False: there was none.
run() {
	local outside=
	touch removing
	rm -f mapped removed go end other* file
	"$DEJA" record -o "rec-$1" -- python3 inside.py >out 2>err &
	local recorder=$!
	while [ ! -s out ]; do sleep 0.05; done
	if [ "$1" = true ]; then
		python3 outside.py 0 2>/dev/null &
		outside=$!
		while [ ! -e removed ]; do sleep 0.05; done
	else
		touch mapped
		while [ ! -e removed ]; do sleep 0.05; done
		rm -f mapped
		python3 outside.py "$(cat out)" 2>/dev/null &
		outside=$!
		while [ ! -e mapped ] && kill -0 "$outside" 2>/dev/null; do sleep 0.05; done
	fi
	touch go
	wait "$recorder" || fail "$1: $(cat err)"
	touch end
	wait "$outside"
}

run true || fail "the process outside failed"
grep -q 'shared with a process outside of the recording' err || fail "no warning of the same file: $(cat err)"
# somebody else may be given the number first
for try in 1 2 3 4 5 6 7 8 9 10; do
	! run false || break
	[ "$try" -lt 10 ] || skip "inode numbers are not given out again here"
	rm -rf rec-false
done
! grep -q 'shared with a process outside of the recording' err || fail "a warning of another file: $(cat err)"
