# What a replay cannot write to memory by way of /proc/PID/mem is told of when it is recorded, once; what it
# can, and looking, is not.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >go.py <<'P'
import ctypes, os, sys
how = sys.argv[1]
word = b"%08d" % (os.getpid() % 10**8)
room = ctypes.create_string_buffer(9)
child = os.fork() if how == "parent" else 0
if child:
    os.waitpid(child, 0)
else:
    fd = os.open("/proc/%d/mem" % (os.getppid() if how == "parent" else os.getpid()),
                 os.O_RDONLY if how == "look" else os.O_RDWR)
    for i in range(3):
        os.lseek(fd, ctypes.addressof(room), 0)
        if how == "look":
            os.read(fd, 4)
        elif how == "write":
            os.write(fd, word)
        else:
            os.pwrite(fd, word, ctypes.addressof(room))
print(how, os.getpid(), room.raw if how != "parent" else "")
P
for how in write parent look pwrite; do
	limit "$DEJA" record -o "$how" -- python3 go.py "$how" >out 2>err || fail "recording: $(cat err)"
	told=0
	if [ "$how" = parent ]; then told=1; fi
	[ "$(grep -c 'it wrote to another process.s memory (/proc/PID/mem)' err)" = "$told" ] || fail "$how: not told $told times: $(cat err)"
	expect 0 "$DEJA" info "$how"
	[ "$(grep -c '^Warnings.*it wrote to another process.s memory (/proc/PID/mem)' stdout)" = "$told" ] || fail "$how: info: $(cat stdout)"
	expect 0 "$DEJA" replay "$how"
	[ "$how" = parent ] || cmp -s stdout out || fail "$how: another output: $(diff out stdout)"
done
exit 0
