# What people type to look into a recording: selections, moments, annotations beside an unchanged
# trace, following a live one, extracting, completions; one clear line for what is wrong.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >victim.py <<'P'
import os, socket, subprocess, sys, time
os.chdir("sub")
nobody = socket.socket(socket.AF_UNIX)
try:
    nobody.connect("nobody/there")
except FileNotFoundError:
    pass
c, d = socket.socketpair()
os.write(c.fileno(), b"by write")
os.read(d.fileno(), 100)
print(open("data").read(), end="", flush=True)
a, b = socket.socketpair()
a.sendall(b"half of a se")
a.sendall(b"cret and more")
assert len(b.recv(100)) == 25
try:
    open("/nothing/there")
except FileNotFoundError:
    pass
subprocess.run(["cat"], stdin=open("data"), check=True)
for line in sys.stdin:
    print("said", line, end="", flush=True)
P
mkdir sub
echo 'some data' >sub/data
printf 'one\ntwo\nthree\n' >lines
limit "$DEJA" record -q -o rec -- /usr/bin/python3 victim.py <lines >out || fail "the victim: $(cat out)"
sum() { find "$1" -type f ! -name annotations -exec sha256sum {} + | sort | sha256sum; }
before=$(sum rec)

# --- selections, by a count of our own ---
"$DEJA" cat --jsonl rec >all.jsonl || fail "cat --jsonl"
/usr/bin/python3 - >wanted <<'P'
import json
e = [json.loads(l) for l in open("all.jsonl")]
pid = e[0]["pid"]
other = next(x["pid"] for x in e if x["pid"] != pid)
t = e[len(e) // 2]["time"]
calls = [x for x in e if "call" in x]
print("--call openat,read|", sum(x["call"] in ("openat", "read") for x in calls))
print("--call !openat,read|", sum(x.get("call") not in ("openat", "read") for x in e))
print("--call image|", sum(x.get("kind") == "image" for x in e))
print("--pid %d|" % other, sum(x["pid"] == other for x in e))
print("--errno ENOENT|", sum(x.get("errno") == "ENOENT" for x in calls))
print("--errno any|", sum("errno" in x for x in calls))
print("--result >=4096|", sum(x["result"] >= 4096 for x in calls))
print("--result error|", sum("errno" in x for x in calls))
print("--range ..%.9fs|" % t, sum(x["time"] <= t for x in e))
print("--range %.9fs..|" % t, sum(x["time"] >= t for x in e))
print("--range #5..#9|", sum(x["stream"] == 1 and 5 <= x["event"] <= 9 for x in e))
print("--range #5..#9 --call mmap|", sum(x["stream"] == 1 and 5 <= x["event"] <= 9 and x.get("call") == "mmap" for x in e))
print("--call socketpair --class net|", 2)
# a class is also what the descriptor is
print("--call sendto,recvfrom --class net|", sum(x["call"] in ("sendto", "recvfrom") for x in calls))
print("--call connect,read,write --class net|", 3)
P
while IFS='|' read -r options n; do
	# shellcheck disable=SC2086
	expect 0 "$DEJA" cat $options rec
	[ "$(wc -l <stdout)" = "$((n))" ] || fail "cat $options: $(wc -l <stdout) lines, not $n"
done <wanted
grep -qv '| 0$' wanted || fail "nothing was selected"
# As many bytes of a payload as one asks for; whole characters; the length is told in any case.
limit "$DEJA" record -q -o umlaut -- sh -c 'printf "grün und noch viel mehr Text, der länger als die üblichen Zeichen ist"; :' >out || fail "umlaut"
expect 0 "$DEJA" cat --call write --payload 1K umlaut
grep -q 'blichen Zeichen ist", 7' stdout || fail "--payload 1K: $(cat stdout)"
for n in 3 4; do
	expect 0 "$DEJA" cat --jsonl --call write --payload $n umlaut
	/usr/bin/python3 -c '
import json, sys
item = json.load(open("stdout"))["items"][0]
assert item["text"] == ["gr", "grü"][int(sys.argv[1]) - 3] and item["len"] == len(open("out", "rb").read()), item' $n ||
		fail "--payload $n: $(cat stdout)"
done
expect 125 "$DEJA" cat --payload no rec
one_line 'no is no size|.no. is no size'
# Whom it could not reach is told.
expect 0 "$DEJA" streams --peer nobody/there rec
grep -q 'unix .* -> unix:nobody/there$' stdout || fail "a peer that was not there: $(cat stdout)"
# A relative path, by where the process was; the descriptor's calls with it.
expect 0 "$DEJA" cat --path "$PWD/sub/data" --pid "$(head -1 all.jsonl | sed 's/.*"pid":\([0-9]*\).*/\1/')" rec
grep -q 'openat(AT_FDCWD, "data"' stdout && grep -q 'read(.*"some data' stdout && grep -q 'close(' stdout ||
	fail "--path: $(cat stdout)"
# ISO times are absolute.
expect 0 "$DEJA" cat --range "2001-01-01..2100-01-01T00:00:00Z" rec
[ "$(wc -l <stdout)" = "$(wc -l <all.jsonl)" ] || fail "a range of years does not hold it all"
expect 0 "$DEJA" cat -n --call write rec
head -1 stdout | grep -qE '^[0-9]+#[0-9]+ ' || fail "-n: $(head -1 stdout)"
number=$(head -1 stdout | cut -d' ' -f1)
expect 0 "$DEJA" cat --range "$number" rec
[ "$(wc -l <stdout)" = 1 ] && grep -q 'write(' stdout || fail "$number is not that event: $(cat stdout)"
# Three lines of the standard input are three turns.
expect 0 "$DEJA" cat --anchors rec
[ "$(grep -c 'standard input' stdout)" = 3 ] && grep -q '"three' stdout || fail "--anchors: $(cat stdout)"
# A secret in two writes, received in one read.
expect 0 "$DEJA" grep -F 'half of a secret' rec
[ "$(grep -c 'unix pair' stdout)" = 2 ] && grep -q ' in +0' stdout && grep -q ' out +0' stdout || fail "grep: $(cat stdout)"
expect 0 "$DEJA" step --from start --by 10s rec
[ "$(wc -l <stdout)" = $(($(wc -l <all.jsonl) + 1)) ] && tail -1 stdout | grep -q 'next: deja step --from 10.000000s' ||
	fail "step: $(tail -1 stdout)"

# Descriptors through fork, vfork and exec: 20 moments by brute force.
export DEJA
limit /usr/bin/python3 "$TESTS/look/check.py" at rec >checked 2>&1 || fail "check.py at: $(tail -3 checked)"

# What threads wait for at the same time takes each of them its whole time, and all are in it meanwhile.
cat >sleepers.py <<'P'
import threading, time
threads = [threading.Thread(target=time.sleep, args=(2,)) for _ in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
P
limit "$DEJA" record -q -o sleepers -- /usr/bin/python3 sleepers.py || fail "the sleepers"
"$DEJA" cat --jsonl --call clock_nanosleep sleepers >slept
/usr/bin/python3 - >middle <<'P' || fail "sleeps of 2 s: $(cut -c1-120 slept)"
import json
slept = [json.loads(line) for line in open("slept")]
assert len(slept) == 3 and all(1.99 < e["dur"] < 20 for e in slept), slept
print("%.6fs" % (min(e["time"] for e in slept) - 0.1))
P
expect 0 "$DEJA" at sleepers "$(cat middle)"
[ "$(grep -c 'thread .* in clock_nanosleep since' stdout)" = 3 ] && ! grep -q 'thread .*: runs' stdout ||
	fail "in the middle of three sleeps: $(grep thread stdout)"

# A peer that the program never asked for, and its own end of a connection that it made.
cat >unasked.py <<'P'
import ctypes, socket
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(2)
first, second = socket.socket(), socket.socket()
first.connect(server.getsockname())
ctypes.CDLL(None).accept(server.fileno(), None, None)
second.connect(server.getsockname())
there, peer = server.accept()
print(first.getsockname()[1], peer[1])
P
limit "$DEJA" record -q -o unasked -- /usr/bin/python3 unasked.py >ports || fail "the unasked: $(cat ports)"
expect 0 "$DEJA" verify unasked
expect 0 "$DEJA" streams --class net --json unasked
/usr/bin/python3 -c '
import json
asked, seen = ("127.0.0.1:" + port for port in open("ports").read().split())
streams = json.load(open("stdout"))
assert [s["peer"] for s in streams if s["accepted"]] == [asked, seen], streams
assert seen in [s["local"] for s in streams if not s["accepted"]], streams' || fail "peers: $(cat ports stdout)"
expect 0 "$DEJA" cat --call address unasked
grep -q 'has the peer {sa_family=AF_INET' stdout && grep -q 'has the address {sa_family=AF_INET' stdout || fail "addresses: $(cat stdout)"

# --- extract ---
pipe=$("$DEJA" streams --json rec | /usr/bin/python3 -c '
import json, sys
print([s["id"] for s in json.load(sys.stdin) if s["what"] == "standard input (file)"][0])')
expect 0 "$DEJA" extract --stream "$pipe:in" -o got rec
cmp got lines || fail "extract gives other bytes"
expect 125 "$DEJA" extract --stream "$pipe:in" -o got rec
one_line 'cannot create got: File exists'
expect 125 "$DEJA" extract --stream 99999 -o gone rec
one_line 'no stream 99999'
[ ! -e gone ] || fail "a file is left of what failed"
limit "$DEJA" record -q --outbound digest -o digest -- sh -c 'head -c 5000 /dev/zero; :' >/dev/null || fail "recording digests"
expect 125 "$DEJA" extract --stream 2:out -o gone digest
one_line '5000 bytes of stream 2 are not in the recording'

# --- annotations ---
expect 0 "$DEJA" annotate --label slow --range 1ms..20ms --author alice rec
expect 0 "$DEJA" annotate --comment "look here" --at "$number" rec
expect 0 "$DEJA" annotate --score quality=0.25 rec
expect 0 "$DEJA" annotate --flag odd --io "$pipe" rec
expect 125 "$DEJA" annotate --flag odd --io 99999 rec
one_line 'no stream 99999'
expect 125 "$DEJA" annotate --label '' rec
one_line 'is empty'
expect 0 "$DEJA" annotate --edit 2 --comment "look there" rec
expect 0 "$DEJA" annotate --delete 4 rec
expect 0 "$DEJA" annotate rec
[ "$(wc -l <stdout)" = 3 ] && grep -q 'look there.*on '"$number" stdout && ! grep -q 'look here' stdout || fail "annotate: $(cat stdout)"
expect 0 "$DEJA" annotate --history rec
[ "$(wc -l <stdout)" = 6 ] && grep -q 'look here' stdout && grep -q 'version 2, deleted' stdout || fail "--history: $(cat stdout)"
[ "$(sum rec)" = "$before" ] || fail "annotations changed the trace"
expect 0 "$DEJA" info rec
grep -q '^Annotations *note 1, label: slow (alice) on 0.001000s..0.020000s' stdout || fail "info: $(cat stdout)"
expect 0 "$DEJA" cat rec
grep -A1 'write(' stdout | grep -q '\^ note 2, comment: look there' || fail "cat shows no annotation"
expect 0 "$DEJA" at rec 10ms
grep -q 'note 1, label: slow' stdout && grep -q 'note 3, score: quality = 0.25' stdout || fail "at: $(cat stdout)"
expect 0 "$DEJA" at rec 25s
! grep -q 'note 1' stdout || fail "at shows what has passed"
"$DEJA" annotate --export rec >notes.json
cp -a rec copy && rm copy/annotations
expect 0 "$DEJA" annotate --import notes.json copy
"$DEJA" annotate --export copy | sed 's/"id": [0-9]*, "version": [0-9]*//' >a
sed 's/"id": [0-9]*, "version": [0-9]*//' notes.json | cmp - a || fail "import and export differ"
limit "$DEJA" verify rec >/dev/null || fail "an annotated recording does not verify"

# --- a live recording ---
background "$DEJA" record -q -o live -- sh -c 'for i in 1 2 3 4 5 6 7 8; do
	echo "tick $i"; sleep 0.2; [ $i != 6 ] || until [ -e looked ]; do sleep 0.05; done; done'
wait_for live/header || fail "no live recording"
expect 0 "$DEJA" ps live
one_line 'listed when it is complete'
ticks() { "$DEJA" grep tick live >/dev/null 2>&1; }
until_true ticks || fail "nothing of a live recording comes to the disk"
for command in streams stat "at live 1ms" "step --from start --by 1s" "export --format csv" "grep tick"; do
	case $command in *live*) words=$command ;; *) words="$command live" ;; esac
	# shellcheck disable=SC2086
	expect 0 "$DEJA" $words
	[ -s stdout ] || fail "$words says nothing of a live recording: $(cat stderr)"
done
: >looked
limit "$DEJA" cat -f --call write live >followed || fail "cat -f"
wait "${BACKGROUND[0]}"
BACKGROUND=()
[ "$(grep -c tick followed)" = 8 ] || fail "cat -f: $(cat followed)"
"$DEJA" cat --call write live | cmp - followed || fail "cat -f and cat differ"

# --- what is wrong ---
expect 125 "$DEJA" cat --class nut rec
one_line 'no class .nut.; there are net'
expect 125 "$DEJA" cat --range 2s..1s rec
one_line 'ends before it begins'
expect 125 "$DEJA" cat --range 5 rec
one_line 'no moment; they look like 2s'
expect 125 "$DEJA" cat --range '#99999999' rec
one_line 'no event .#99999999.'
expect 125 "$DEJA" cat --errno ENONSENSE rec
one_line 'ENONSENSE'
expect 125 "$DEJA" at rec '4000000#1'
one_line 'no process 4000000'
expect 125 "$DEJA" grep '(' rec
one_line 'pattern is wrong at its character'
expect 125 "$DEJA" export --format gif rec
one_line 'no format .gif.; there are'
expect 125 "$DEJA" export --format hdf5 rec
one_line 'needs a file'
expect 125 "$DEJA" annotate --score good rec
one_line 'quality=0.8'
expect 125 "$DEJA" annotate --edit 77 --comment x rec
one_line 'no annotation 77'
expect 125 "$DEJA" completion tcsh
one_line 'bash, zsh or fish'
for command in "streams" "stat" "cat --anchors" "export --format csv" "export --format perfetto" "grep e"; do
	# shellcheck disable=SC2086
	"$DEJA" $command rec 2>err | head -1 >/dev/null
	[ ! -s err ] || fail "$command: a closed pipe is reported: $(cat err)"
done

# --- completions: each shell reads its own ---
"$DEJA" completion bash >c.bash && bash -n c.bash || fail "bash"
[ "$(bash -c '. ./c.bash; COMP_WORDS=(deja stre); COMP_CWORD=1; _deja; echo "${COMPREPLY[@]}"')" = streams ] || fail "bash completes no command"
[ "$(bash -c '. ./c.bash; COMP_WORDS=(deja cat --anc); COMP_CWORD=2; _deja; echo "${COMPREPLY[@]}"')" = --anchors ] || fail "bash completes no option"
[ "$(bash -c '. ./c.bash; COMP_WORDS=(deja export --format pc); COMP_CWORD=3; _deja; echo "${COMPREPLY[@]}"')" = pcap ] || fail "bash completes no value"
[ "$(bash -c '. ./c.bash; COMP_WORDS=(deja cat --class si); COMP_CWORD=3; _deja; echo "${COMPREPLY[@]}"')" = signal ] || fail "bash completes no class"
"$DEJA" completion zsh >c.zsh
! command -v zsh >/dev/null || zsh -n c.zsh || fail "zsh"
# sourced, and as a file of fpath
! command -v zsh >/dev/null || [ "$(zsh -fc 'autoload -U compinit; compinit -D -u; . ./c.zsh; echo $_comps[deja]' 2>&1)" = _deja ] || fail "zsh, sourced"
"$DEJA" completion fish >c.fish
! command -v fish >/dev/null || fish -n c.fish || fail "fish"
stop_background
