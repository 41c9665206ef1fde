# What is no recording is refused in one line with status 121, whatever is wrong with it;
# nothing crashes, nothing is run.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

expect 0 "$DEJA" record -q -o good -- "$CASES/random"

refused() { # WHAT: every reader refuses the recording ./bad
	local command
	for command in replay verify info cat ps; do
		expect 121 "$DEJA" $command bad
		one_line .
	done
}
damaged() { rm -rf bad && cp -a good bad; }

rm -rf bad
refused "nothing there"
mkdir bad
refused "an empty directory"
echo garbage >bad/header
refused "a header of text"
head -c 4096 /dev/urandom >bad/header
refused "a header of noise"
rm -rf bad
echo text >bad
refused "a file"
rm bad
damaged
rm bad/header
refused "no header"
damaged
: >bad/header
refused "an empty header"
damaged
truncate -s -1 bad/header
refused "a header cut short"
damaged
python3 - <<'P' || fail python
data = open("bad/header", "rb").read()
at = data.index(b"format") + 6
open("bad/header", "wb").write(data[:at] + bytes([99]) + data[at + 1:])
P
refused "a format of the future"

# Streams of noise, of nothing, missing: no crash, no success.
for how in noise nothing missing text; do
	damaged
	case $how in
	noise) head -c 10000 /dev/urandom >bad/p1.zst ;;
	nothing) : >bad/p1.zst ;;
	missing) rm bad/p1.zst ;;
	text) seq 10000 | zstd -qc >bad/p1.zst ;;
	esac
	for command in replay verify cat; do
		expect 121 "$DEJA" $command bad
		has_line .
	done
done

# Single bytes changed all over the recording: any status but a crash or a hang.
damaged
python3 - <<'P' >spots || fail python
import os, random
random.seed(7)
for name in ("header", "p1.zst", "files"):
    size = os.path.getsize("bad/" + name)
    for _ in range(25):
        print(name, random.randrange(size), random.randrange(256))
P
while read -r name at value; do
	damaged
	printf "\\x$(printf %02x "$value")" | dd of="bad/$name" bs=1 seek="$at" conv=notrunc status=none
	for command in replay "info --json" "cat --jsonl"; do
		got=0
		# shellcheck disable=SC2086
		limit "$DEJA" $command bad >stdout 2>stderr </dev/null || got=$?
		[ $got -lt 124 ] || [ $got = 125 ] || fail "$name byte $at = $value: deja $command gave $got: $(tail -3 stderr)"
	done
done <spots
