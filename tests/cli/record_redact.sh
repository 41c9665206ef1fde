# `deja record --redact`: the program gets its secrets, the disk never does, not while it records nor
# when the recorder is killed; the result has tokens, is clean, replays. Where the program's way
# depends on a secret, the recording says from which event on.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

service=$TESTS/look/login_service.py
# The secrets are computed: no text of this test's own is one.
word=$(printf 'word %s' "$$" | sha256sum | cut -c1-19)Zq
key=$(printf 'key %s' "$$" | sha256sum | cut -c1-24)
# everything REC: what a person could read of it.
everything() {
	"$DEJA" cat --jsonl "$1" || return 1
	"$DEJA" info --json "$1" || return 1
	strings -n 4 "$1/header" "$1/files" "$1"/f/*
	cat "$1"/p*.zst | zstd -dc
}
none_in() { # FILE WHERE SECRET...
	local file=$1 where=$2 secret
	shift 2
	[ -s "$file" ] || fail "$where is empty"
	for secret; do [ -n "$secret" ] && ! grep -qaF -- "$secret" "$file" || fail "$where holds a secret"; done
}

# A web service with login: compares, keeps sessions, hashes; its settings are a mapped file; a key is
# in its arguments and environment.
printf 'name=x\npassword=%s\n' "$word" >app.ini
# serve HOW REC STATUS...: in the background, RECORDER
serve() {
	local rec=$1
	shift
	rm -f port
	API_TOKEN=$key "$DEJA" record "$@" -o "$rec" -- /usr/bin/python3 "$service" serve "$PWD/port" app.ini "$COUNT" "--api-key=$key" >"$rec.out" 2>"$rec.err" &
	RECORDER=$!
	wait_for port || fail "the service: $(cat "$rec.err")"
}
COUNT=3
serve plain -q
limit /usr/bin/python3 "$service" client "$(cat port)" "$word" >plain.cookie || fail "client"
wait $RECORDER || fail "recording without --redact"
COUNT=4
serve safe --redact default
# In the middle: nothing there can be read, nor has it the beginning of anything that could.
limit /usr/bin/python3 -c "import http.client as h; c = h.HTTPConnection('127.0.0.1', $(cat port)); c.request('GET', '/me?token=$key', headers={'Cookie': 'session=none'}); c.getresponse().read()" || fail "first request"
wait_for safe/.sealed/p1.zst
[ -s safe/.sealed/p1.zst ] || fail "nothing is stored while it records: $(ls -A safe safe/.sealed)"
in_clear() { head -c 4 "$1" | xxd -p | grep -qE '28b52ffd|5d2a4d18'; } # a zstd or a pieces frame
in_clear plain/p1.zst || fail "positive control: no zstd stream"
! in_clear safe/.sealed/p1.zst || fail "the stream on disk is in clear"
ls safe/.sealed/f/*.sealed >/dev/null || fail "no text was sealed"
cat safe/header safe/.sealed/p* safe/.sealed/f/* >seen
none_in seen "the disk while recording" "$word" "$key" login_service
expect 121 "$DEJA" cat safe
one_line 'recorded with --redact'
expect 125 "$DEJA" recover safe
one_line 'still being recorded'
expect 0 "$DEJA" ls
limit /usr/bin/python3 "$service" client "$(cat port)" "$word" >safe.cookie || fail "client"
wait $RECORDER || fail "recording with --redact: $(cat safe.err)"
grep -qE 'redacted: [0-9]+ secrets in [0-9]+ pieces; it replays; a scan finds nothing' safe.err || fail "closing line: $(cat safe.err)"
[ ! -e safe/.sealed ] && [ ! -e safe/.redacted ] || fail "left: $(ls -A safe)"
everything plain >before 2>/dev/null
everything safe >after 2>/dev/null
for secret in "$word" "$key" "$(cut -c1-16 plain.cookie)"; do
	grep -qaF -- "$secret" before || fail "positive control: $secret is not in the plain recording"
done
none_in after "the result" "$word" "$key" "$(head -c 16 safe.cookie)"
expect 0 "$DEJA" scan safe
expect 0 "$DEJA" verify safe
expect 0 "$DEJA" info safe
grep -q '^Redacted  *[0-9]* tokens' stdout || fail "info: $(grep -i redacted stdout)"
hermetic_replay "$PWD/safe" "$PWD/out2" "$PWD/err2" || fail "replay: $(cat err2)"
sed 's/^mac .*/mac/' safe.out >want
sed 's/^mac .*/mac/' out2 | cmp -s - want || fail "replay prints something else: $(cat out2)"
[ "$(grep -c '^mac' out2)" = 1 ] && ! grep -qF "$(grep '^mac' safe.out)" out2 || fail "what it made of the secret is still there"
# The program itself had its secrets: it let the client in.
grep -q 'login of bob True' safe.out || fail "the program was harmed: $(cat safe.out)"

# The way depends on it: a hash is compared. Recorded all the same, without the secret, and said where.
printf 'password_sha256=%s\n' "$(printf salt%s "$word" | sha256sum | cut -d' ' -f1)" >app.ini
COUNT=3
serve hashed --redact default
limit /usr/bin/python3 "$service" client "$(cat port)" "$word" >cookie || fail "client"
wait $RECORDER || fail "recording: $(cat hashed.err)"
grep -q 'warning: redacted while recorded: .* from event p1#[0-9]' hashed.err || fail "not said: $(cat hashed.err)"
event=$(sed -n 's/.*from event p1#\([0-9]*\) on.*/\1/p' hashed.err)
grep -q 'does not replay to its end' hashed.err || fail "closing line: $(cat hashed.err)"
everything hashed >after 2>/dev/null
none_in after "what diverges" "$word" "$key"
expect 0 "$DEJA" scan hashed
expect 120 "$DEJA" verify hashed
has_line "event $event of"
expect 0 "$DEJA" info hashed
grep -q 'depends on a secret' stdout || fail "info does not say it"

# The recorder is killed: the program goes on; what lies there is of no use to anybody.
printf 'password=%s\n' "$word" >app.ini
serve killed -q --redact default
sleep 0.5
kill -KILL $RECORDER
quietly wait $RECORDER
keep_session killed
limit /usr/bin/python3 "$service" client "$(cat port)" "$word" >cookie || fail "the program was harmed"
cat killed/header killed/.sealed/p* killed/.sealed/f/* killed/.* >seen 2>/dev/null
none_in seen "what a killed recorder leaves" "$word" "$key"
expect 121 "$DEJA" recover killed
one_line 'its key ended with its recorder'
expect 121 "$DEJA" replay killed
one_line 'recorded with --redact'
expect 0 "$DEJA" rm killed
[ ! -e killed ] || fail "rm"

# Own rules, kept from the disk, too; a secret split over reads; a forked tree; a static child's output.
printf 'mine text %s\n' "$word" >rules
mkfifo pipe
(printf 'say %s' "${word:0:9}"; sleep 0.2; printf '%s again\n' "${word:9}") >pipe &
expect 0 "$DEJA" record -q --redact rules -o tree -- sh -c 'rm rules; cat pipe | tee copy | cat; (sleep 0.1; cat copy) & wait; exit 0'
grep -qF "say $word again" stdout || fail "the program's output: $(cat stdout)"
everything tree >after 2>/dev/null
none_in after "the tree's recording" "$word" "${word:0:9}" "${word:9}"
expect 0 "$DEJA" verify tree
wait

# Nothing to hide; a limit; bad input before anything runs.
expect 3 "$DEJA" record --redact default -o nothing -- sh -c 'exit 3'
has_line 'redacted: there was no secret to find'
expect 3 "$DEJA" replay nothing
expect 0 "$DEJA" record --redact default --max-time 2s -o part -- sh -c "echo password=$word; sleep 5"
has_line 'ended by --max-time.*redacted: 1 secret'
expect 123 "$DEJA" replay part
! grep -qF "$word" stdout || fail "the part holds it"
grep -q '^password=' stdout || fail "the part has no line"
for bad in nowhere bad; do
	echo 'x (' >bad
	expect 125 "$DEJA" record --redact "$bad" -o no -- touch ran
	one_line "$bad"
done
expect 125 "$DEJA" record --redact default --outbound digest -o no -- touch ran
one_line 'without --outbound digest'
[ ! -e ran ] && [ ! -e no ] || fail "something ran"
expect 127 "$DEJA" record --redact default -o no -- /no/such/program
[ ! -e no ] || fail "left: $(ls -A no)"
# The copy cannot be made, in the end: said, and nothing is kept.
expect 0 "$DEJA" record --redact default -o spoiled -- sh -c "echo password=$word; mkdir spoiled/.redacted"
has_line 'nothing of it is kept'
[ -z "$(find spoiled -name 'p*.zst' -o -name .sealed)" ] || fail "left: $(ls -A spoiled)"
stop_background
