# What holds for every command: a reader that leaves early is no error and gets no complaint, no colour
# unless it is a terminal, JSON that parses, completions for all its options in bash, zsh and fish. A new
# command needs a row here.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

limit "$DEJA" record -q -o rec -- sh -c 'i=0; while [ $i -lt 300 ]; do echo "line $i password=hunter2hunter"; i=$((i+1)); done; cat /nothing; :' >out 2>&1 ||
	fail "the victim"
limit "$DEJA" annotate --comment "a note" rec >/dev/null || fail "annotate"
export DEJA_DIR=$PWD/store
mkdir store
cp -a rec store/one
# Command and arguments;.
cat >rows <<'R'
record --help
replay rec
verify rec
ls
ls --json
recover --json rec
ps rec
ps --json rec
info rec
info --json rec
info --coverage
cat rec
cat --jsonl rec
cat --anchors rec
cat --payload 4K rec
grep line rec
grep --json line rec
gdb --help
workspace --help
streams rec
streams --json rec
extract --stream 2:out -o - rec
stat rec
stat --json rec
stat --compare rec rec
at rec 1ms
at --json rec 1ms
step --from start --by 10s rec
step --jsonl --from start --by 10s rec
export --format jsonl rec
export --format csv rec
export --format pcap rec
export --format perfetto rec
report -o - rec
annotate rec
annotate --history rec
annotate --export rec
completion bash
completion zsh
completion fish
sources rec
sources --json rec
pack --help
unpack --help
scan rec
scan --json rec
redact --help
trim --help
prune --dry-run --older 0s
prune --dry-run --older 0s --json
rm --help
mv --help
version
help
R
"$DEJA" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | sort -u >commands
cut -d' ' -f1 rows | sort -u | diff commands - || fail "commands without a row in this test"

escape=$(printf '\033')
while read -r -a words; do
	row="deja ${words[*]}"
	status=0
	limit "$DEJA" "${words[@]}" >full 2>err </dev/null || status=$?
	[ "$status" -le 1 ] || fail "$row: status $status: $(cat err)"
	! grep -qF "$escape" full err || fail "$row: colours in a file"
	# Its first byte and no more: no complaint, and what SIGPIPE or an early end gives.
	statuses=$(limit "$DEJA" "${words[@]}" 2>err </dev/null | head -c 1 >/dev/null; echo "${PIPESTATUS[0]}")
	case $statuses in 0 | 1 | 141) ;; *) fail "$row: a reader that leaves: status $statuses: $(cat err)" ;; esac
	! grep -qi 'pipe\|cannot write' err || fail "$row: a reader that leaves is reported: $(cat err)"
	case " ${words[*]} " in
	*' --json '*)
		python3 -c '
import json, sys
text = open("full").read()
try:
    json.loads(text)
except ValueError:
    [json.loads(line) for line in text.splitlines()]' || fail "$row: no JSON: $(head -3 full)" ;;
	*' --jsonl '* | *' jsonl '*)
		python3 -c 'import json; [json.loads(line) for line in open("full") if not line.startswith("next:")]' || fail "$row: no JSON: $(head -3 full)" ;;
	esac
done <rows

# On a terminal events have colours, unless told otherwise.
python3 - "$DEJA" <<'PY' || fail "colours on a terminal"
import os, pty, subprocess, sys
def said(**more):
    ours, theirs = pty.openpty()
    run = subprocess.Popen([sys.argv[1], "cat", "--result", "error", "rec"], stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL,
                           env=dict(os.environ, TERM="xterm", **more))
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:
        pass
    assert run.wait() == 0
    return text
assert b"\033[" in said() and b"\033[" not in said(NO_COLOR="1")
PY

# Every option that the help names is completed.
"$DEJA" completion bash >c.bash && "$DEJA" completion zsh >c.zsh && "$DEJA" completion fish >c.fish || fail "completion"
while read -r command; do
	"$DEJA" "$command" --help | sed -n '/^Options:/,/^$/p' | grep -o -- '^ *\(-[a-zA-Z], \)\?--[a-z-]*' | grep -o -- '--[a-z-]*' | sort -u >options
	bash -c '. ./c.bash; COMP_WORDS=(deja '"$command"' --); COMP_CWORD=2; _deja; printf "%s\n" "${COMPREPLY[@]}"' |
		sed 's/=.*//' | sort -u >completed
	[ -z "$(comm -23 options completed | grep -v '^--help$')" ] || fail "bash: $command lacks $(comm -23 options completed)"
	for option in $(grep -v '^--help$' options); do
		grep -q -- "$option" c.zsh || fail "zsh: $command $option is not completed"
		grep -q -- "-l ${option#--}" c.fish || fail "fish: $command $option is not completed"
	done
done <commands
if command -v fish >/dev/null; then
	fish -c 'source c.fish; complete -C "deja stre"' </dev/null | grep -q '^streams' || fail "fish completes no command"
	fish -c 'source c.fish; complete -C "deja cat --anc"' </dev/null | grep -q '^--anchors' || fail "fish completes no option"
fi
