# What the program inherits is its own: a pipe that it closes is closed, though the recorder was
# given it, too; and systemd's LISTEN_PID names the program.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

mkfifo ready input
# a reader of descriptor 5 sees its end while the program goes on
BACKGROUND=()
"$DEJA" record -q -o fd -- sh -c 'echo up >&5; exec 5>&-; until [ -e ended ]; do sleep 0.05; done; echo done' 5>ready >out 2>err &
BACKGROUND+=($!)
got=0
limit cat ready >up || got=$?
[ "$(cat up)" = up ] || fail "descriptor 5 does not reach the program: $(cat err)"
[ $got = 0 ] || fail "the recorder keeps descriptor 5 open"
: >ended
wait $! || fail "recording: $(cat err)"
grep -q done out || fail "$(cat err)"

# nor is the input read by nobody kept open
"$DEJA" record -q -o input.rec -- sh -c 'exec </dev/null; until [ -e refused ]; do sleep 0.05; done' <input 2>err &
BACKGROUND=($!)
got=0
quietly limit sh -c 'exec yes >input' || got=$?
[ $got != 124 ] || fail "the recorder keeps the input open"
: >refused
wait $! || fail "recording: $(cat err)"
BACKGROUND=()

cat >addressee.py <<'P'
import os
print(os.environ["LISTEN_PID"] == str(os.getpid()), os.environ["WATCHDOG_PID"], os.environ["LISTEN_FDS"])
P
expect 0 sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 WATCHDOG_PID=77 exec "$@"' sh "$DEJA" record -q -o listen -- python3 addressee.py
[ "$(cat stdout)" = 'True 77 1' ] || fail "LISTEN_PID: $(cat stdout)"
expect 0 "$DEJA" replay listen
[ "$(cat stdout)" = 'True 77 1' ] || fail "LISTEN_PID replayed: $(cat stdout)"
