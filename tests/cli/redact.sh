# 41 kinds of secrets, planted in a web service with login: in headers, bodies, URLs, cookies, a
# file, environment and arguments, split across reads, in base64. The scan finds all; after
# redaction none is left in any form, and the copy replays, with what the program makes of
# tokens in the place of what it made of secrets.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

plant="$ROOT/tests/secrets.py"
# The planter's own text is read by the recorded program: its values are computed.
python3 "$plant" list >planted
mkdir app
cp planted app
python3 "$plant" config app/app.ini
timeout 60 python3 "$plant" serve port &
wait_for port
export DB_PASSWORD API_TOKEN DEJA_TEST_PATH=$PATH
DB_PASSWORD=$(sed -n 's/^env-db-password //p' planted)
API_TOKEN=$(sed -n 's/^env-api-token //p' planted)
word=$(sed -n 's/^argv-password //p' planted)
(cd app && expect 0 "$DEJA" record -q -o ../rec -- python3 "$plant" client "$(cat ../port)" "--password=$word" && mv stdout stderr ..) || fail "recording"
mv stdout out
rm -rf app
wait

# Everything a person could read of a recording: events with all bytes, header, files.
everything() {
	"$DEJA" cat --jsonl "$1" || return 1
	strings -n 4 "$1/header" "$1/files" "$1"/f/*
	cat "$1"/p*.zst | zstd -dc
}
# A value also shows in base64, at each of the three places it can have there.
forms() {
	python3 - "$1" <<'PY'
import base64, sys
v = sys.argv[1].encode()
print(v.decode())
for before in range(3):
    text = base64.b64encode(b"\0" * before + v)
    text = text[(before * 8 + 5) // 6:(before + len(v)) * 8 // 6]
    if len(text) >= 6:
        print(text.decode())
PY
}

# The scan finds every kind, in the right place.
expect 1 "$DEJA" scan --json rec
mv stdout found
everything rec >before 2>/dev/null || fail "cat"
python3 - found <<'PY' || fail "scan's JSON"
import json, sys
found = json.load(open(sys.argv[1]))
assert found["found"] == len(found["findings"])
places = {(f["where"]) for f in found["findings"]}
assert {"payload", "event", "member"} <= places, places
PY
expect 1 "$DEJA" scan rec
grep -q 'places* found in' stdout || fail "no total: $(tail -1 stdout)"
while read -r kind value; do
	[ "$kind" != basic-password ] || value=$(printf 'admin:%s' "$value" | base64)
	[ "$kind" != split ] || value=${value:0:17} # it came in two reads
	grep -qF -- "$value" before || fail "positive control: $kind is not in the original"
	! grep -qF -- "$value" stdout || fail "the scan shows $kind"
done <planted

# Redacted: none is left, in no form; what was one value is one token; it replays.
expect 0 "$DEJA" redact -o safe rec
grep -q 'A scan finds nothing' stdout || fail "redact: $(cat stdout)"
everything safe >after 2>/dev/null || fail "cat of the copy"
expect 0 "$DEJA" pack -o safe.deja safe
mkdir packed && tar --zstd -xf safe.deja -C packed
everything packed >>after 2>/dev/null
left=0
while read -r kind value; do
	for form in $(forms "$value"); do
		if grep -qF -- "$form" after; then
			echo "left: $kind as $form"
			left=$((left + 1))
		fi
	done
done <planted
[ $left = 0 ] || fail "$left forms of secrets are left"
expect 0 "$DEJA" scan safe
expect 0 "$DEJA" verify safe
hermetic_replay "$PWD/safe" "$PWD/out.safe" "$PWD/err.safe" || fail "replay of the copy: $(head -3 err.safe)"
[ "$(wc -c <out)" = "$(wc -c <out.safe)" ] || fail "another length of output"
! cmp -s out out.safe || fail "the output still has what came from secrets"
grep -q '^user bob items 6 password of 12$' out.safe || fail "other things changed, too: $(cat out.safe)"
# The original is as it was.
expect 0 "$DEJA" verify rec

# The program's way depends on it: said where, nothing written; kept or cut, it goes.
printf 'password=Tr0ub4dor\nmode=x\n' >conf
expect 0 "$DEJA" record -q -o depends -- sh -c 'read -r line <conf; echo begun; case $line in *Tr0ub*) sleep 0; ls -d /;; *) echo none;; esac'
printf 'line password=(?<secret>\\w+4\\w+)\n' >rules
expect 120 "$DEJA" redact --rules rules -o no depends
grep -q 'depends on a secret from event p' stderr && grep -q -- '--keep N' stderr || fail "what depends is not said: $(cat stderr)"
[ ! -e no ] || fail "something was written"
number=$(awk '$2 == "line" { print $1 }' stdout)
expect 0 "$DEJA" redact --rules rules --cut -o cut depends
expect 123 "$DEJA" verify cut
! grep -rq Tr0ub4dor cut || fail "it is left in the part"
expect 0 "$DEJA" redact --rules rules --keep "$number" -o kept depends
expect 0 "$DEJA" verify kept

# As JSON: the list, and what became of it; all the same where nothing is written.
expect 0 "$DEJA" redact --json --rules rules --keep "$number" -o kept2 depends
mv stdout kept.json
expect 120 "$DEJA" redact --json --rules rules -o no depends
python3 - "$number" <<'PY' || fail "redact --json: $(cat kept.json stdout)"
import json, sys
kept, no = json.load(open("kept.json")), json.load(open("stdout"))
for r in kept, no:
    secret = next(s for s in r["secrets"] if s["number"] == int(sys.argv[1]))
    assert secret["rule"] == "line" and secret["len"] == 9 and secret["places"] > 0, r
    assert secret["kept"] is (r is kept) and r["checksums"] == [], r
assert kept["path"] == "kept2" and kept["events"] > 0 and kept["complete"] is True and kept["clean"] is False, kept
assert no["path"] is None and no["complete"] is False and no["cause"] and no["clean"] is False, no
assert "Tr0ub4dor" not in open("kept.json").read() + open("stdout").read()
PY
[ ! -e no ] || fail "something was written"

# A digest of a secret that came in is that of its token, so the program finds it right; a checksum over more
# is named.
unset DB_PASSWORD API_TOKEN
cat >digests.py <<'P'
import hashlib, sys
word = sys.stdin.readline().strip().split("=")[1]
for line in sys.stdin:
    if line.startswith("digest "):
        print(line.split()[1], "right" if line.split()[2] == hashlib.new(line.split()[1], word.encode()).hexdigest() else "wrong")
P
{
	echo 'password=Tr0ub4dor-78'
	for kind in md5 sha1 sha256 sha512; do echo "digest $kind $(printf Tr0ub4dor-78 | ${kind}sum | cut -d' ' -f1)"; done
	echo 'ETag: "4711"'
} >line
limit "$DEJA" record -q -o digests -- /usr/bin/python3 digests.py <line >stdout || fail "the digests: $(cat stdout)"
expect 0 "$DEJA" redact -o digests.safe digests
grep -q 'form-value .* its MD5 in 1, its SHA-1 in 1, its SHA-256 in 1, its SHA-512 in 1$' stdout && grep -q 'stays as it came: 1 header etag, io' stdout ||
	fail "digests are not listed: $(cat stdout)"
expect 0 "$DEJA" replay digests.safe
[ "$(grep -c right stdout)" = 4 ] || fail "digests of tokens: $(cat stdout)"
! "$DEJA" cat --jsonl digests.safe | grep -q "$(printf Tr0ub4dor-78 | sha256sum | cut -c1-64)" || fail "a digest of the password is left"

# What the program puts together itself of parts that are no secret, no token came in for: said, and not written.
cat >parts.py <<'P'
import os, sys
sys.stdin.readline()
print("begun", flush=True)
os.write(1, b"pass" + b"word=Tr0ub" + b"4dor-77\n")
P
echo 'password=Tr0ub4dor-77' >line
limit "$DEJA" record -q -o parts -- /usr/bin/python3 parts.py <line >stdout || fail "the parts: $(cat stdout)"
expect 1 "$DEJA" redact -o no parts
grep -q 'the program makes itself' stderr && grep -q 'before p1#' stderr && grep -q 'io .* out' stdout || fail "what is left is not said: $(cat stdout stderr)"
[ ! -e no ] || fail "something was written"
expect 0 "$DEJA" redact --cut -o parts.cut parts
expect 0 "$DEJA" scan parts.cut
expect 123 "$DEJA" verify parts.cut
expect 0 "$DEJA" cat --call write parts.cut
grep -q begun stdout || fail "too much was cut: $(cat stdout)"
number=$(awk '$2 == "form-value" { print $1 }' <<<"$("$DEJA" redact -o no parts 2>/dev/null)")
expect 0 "$DEJA" redact --keep "$number" -o parts.kept parts
expect 1 "$DEJA" scan -q parts.kept

# What is full of names like these, and holds none: no false alarm in a corpus of system headers, licences
# and Python's own library.
echo 'let s = f(b); if (j.password===conf.password) { login(s); } else { x; secret=key.get(y); } u = "?token="+t+"&x";' >source.js
expect 0 "$DEJA" record -q -o corpus -- sh -c 'cat source.js /usr/include/*.h /usr/include/linux/*.h /usr/share/common-licenses/* /usr/lib/python3*/*.py >/dev/null'
expect 0 "$DEJA" scan corpus
[ "$("$DEJA" scan --json corpus | python3 -c 'import json, sys; print(json.load(sys.stdin)["text_len"])')" -gt 5000000 ] || fail "the corpus is small"

# Nothing there, nothing written; bad input is one line.
expect 0 "$DEJA" record -q -o clean -- true
expect 0 "$DEJA" scan clean
expect 1 "$DEJA" redact -o no clean
one_line 'no secrets'
expect 125 "$DEJA" redact rec
one_line 'with -o'
expect 125 "$DEJA" redact -o safe rec
one_line 'exists already'
echo 'bad (' >rules
expect 125 "$DEJA" scan --rules rules rec
one_line 'rules:1'
expect 121 "$DEJA" scan nowhere
