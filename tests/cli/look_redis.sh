# A recorded Redis session: the extracted streams are what the relay before the server saw, tshark
# reads the same commands, over TCP and over a Unix socket.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

for need in redis-server redis-cli tshark; do command -v $need >/dev/null || skip "$need is not installed"; done
LOOK=$TESTS/look
export DEJA
check() { limit /usr/bin/python3 "$LOOK/check.py" "$@" >checked 2>&1 || fail "check.py $*: $(tail -3 checked)"; }
port=$(free_port)
background redis-server --port "$port" --save '' --dir "$PWD" --unixsocket "$PWD/s"
wait_port "$port" || fail "redis-server"
mkdir tcp unix
background /usr/bin/python3 "$LOOK/relay.py" tcp "$port"
background /usr/bin/python3 "$LOOK/relay.py" unix "$port" "$PWD/relay.6379"
wait_for tcp/port && wait_for unix/port || fail "the relay"
for i in $(seq 40); do printf 'set key%d value%d\nget key%d\n' "$i" "$i" "$i"; done >commands
echo 'lrange nothing 0 -1' >>commands
for way in tcp unix; do
	to=(-p "$(cat tcp/port)")
	[ $way = tcp ] || to=(-s "$PWD/relay.6379")
	limit "$DEJA" record -q -o rec.$way -- redis-cli "${to[@]}" <commands >out 2>&1 || fail "redis-cli: $(cat out)"
	wait_for $way/1.port || fail "the relay's log"
	check client-streams rec.$way $way
	server=6379
	[ $way = unix ] || server=$(cat tcp/port)
	check capture rec.$way "tcp.dstport == $server and resp" resp.bulk_string.value "tcp.port==$server,resp"
	/usr/bin/python3 -c '
import sys
have = [" ".join(bytes.fromhex(w).decode() for w in line.split()) for line in open("checked")]
want = open("commands").read().splitlines()
assert have[-len(want):] == want, (have[:3], want[:3])' || fail "$way: tshark reads other commands"
done
expect 0 "$DEJA" grep --json 'value4\d' rec.tcp
/usr/bin/python3 -c '
import json
found = [json.loads(l) for l in open("stdout")]
# typed once, sent once, answered once, printed once
assert sorted({(f["dir"], f["what"].split(" ")[0]) for f in found}) == [
    ("in", "standard"), ("in", "tcp"), ("out", "standard"), ("out", "tcp")], found
assert [f["match"] for f in found] == ["value40"] * 4, found' || fail "grep: $(cat stdout)"
stop_background
