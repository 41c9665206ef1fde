# Recording and replaying on a terminal (one of its own): the program sees it, ^C
# reaches it, its output is the same.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v python3 >/dev/null || skip "python3 is not installed"
cat >on_tty.py <<'P'
"""Runs argv on a new terminal of 97 columns, presses ^C when it prints READY; copies its
output, ends with its status."""
import fcntl, os, pty, struct, sys, termios
r, w = os.pipe()
pid, fd = pty.fork()
if pid == 0:
    os.read(r, 1)  # until it has its size
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 97, 0, 0))
os.write(w, b"x")
seen, pressed = b"", False
while True:
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    seen += data
    if b"READY" in seen and not pressed:
        pressed = True
        os.write(fd, b"\x03")
os.write(1, seen)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(status if status >= 0 else 128 - status)
P
cat >program.sh <<'S'
tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo all terminals
trap 'echo interrupted $$; exit 44' INT
echo READY
sleep 5 & wait
S
expect 44 python3 on_tty.py "$DEJA" record -q -o rec -- bash program.sh
cp stdout recorded
grep -q '33 97' recorded && grep -q 'all terminals' recorded && grep -q 'interrupted [0-9]' recorded ||
	fail "recorded: $(cat recorded)"
# Replayed without a terminal: the same bytes, but for the terminal's own CR and ^C echo.
expect 44 "$DEJA" replay rec
tr -d '\r' <recorded | sed 's/\^C//' >a
tr -d '\r' <stdout >b
cmp -s a b || fail "replayed without a terminal: $(diff a b)"
expect 0 "$DEJA" verify rec

# A child that cannot be preloaded sees a terminal, too, of the same size.
cat >static.c <<'C'
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
	struct winsize size = {0};
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	ioctl(1, TIOCGWINSZ, &size);
	printf("static: %d%d%d %d columns at %ld\n", isatty(0), isatty(1), isatty(2), size.ws_col, ts.tv_nsec);
	return 0;
}
C
gcc -static -o static static.c || skip "no static libc here"
expect 0 python3 on_tty.py "$DEJA" record -q -o static.rec -- sh -c "echo before; ./static; echo after"
cp stdout recorded
rm static
grep -q 'static: 111 97 columns' recorded || fail "an external child's terminal: $(cat recorded)"
expect 0 "$DEJA" replay static.rec
tr -d '\r' <recorded | grep -v ^deja: >a
cmp -s a stdout || fail "an external child's output on a terminal: $(diff a stdout)"
