# What the program inherits is its own: a pipe that it closes is closed, though the recorder was
# given it, too; and systemd's LISTEN_PID names the program.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

mkfifo ready input
# a reader of descriptor 5 sees its end while the program goes on
"$DEJA" record -q -o fd -- sh -c 'echo up >&5; exec 5>&-; sleep 3; echo done' 5>ready >out 2>err &
start=$(date +%s%N)
[ "$(limit cat ready)" = up ] || fail "descriptor 5 does not reach the program: $(cat err)"
[ $((($(date +%s%N) - start) / 1000000)) -lt 2500 ] || fail "the recorder keeps descriptor 5 open"
wait $!
grep -q done out || fail "$(cat err)"

# nor is the input read by nobody kept open
"$DEJA" record -q -o input.rec -- sh -c 'exec </dev/null; sleep 3' <input 2>err &
start=$(date +%s%N)
quietly limit sh -c 'exec yes >input' || :
[ $((($(date +%s%N) - start) / 1000000)) -lt 2500 ] || fail "the recorder keeps the input open"
wait $!

cat >addressee.py <<'P'
import os
print(os.environ["LISTEN_PID"] == str(os.getpid()), os.environ["WATCHDOG_PID"], os.environ["LISTEN_FDS"])
P
expect 0 sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 WATCHDOG_PID=77 exec "$@"' sh "$DEJA" record -q -o listen -- python3 addressee.py
[ "$(cat stdout)" = 'True 77 1' ] || fail "LISTEN_PID: $(cat stdout)"
expect 0 "$DEJA" replay listen
[ "$(cat stdout)" = 'True 77 1' ] || fail "LISTEN_PID replayed: $(cat stdout)"
