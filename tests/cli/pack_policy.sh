# A recording with secrets is packed for outside only after redaction, or with a reason that
# goes with it.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

printf 'password = Tr0ub4dor-%s\n' 3 >conf
expect 0 "$DEJA" record -q -o rec -- cat conf
expect 1 "$DEJA" pack --policy external -o out.deja rec
one_line 'redact'
[ ! -e out.deja ] || fail "it was packed"
expect 125 "$DEJA" pack --policy everybody rec
one_line 'internal or external'
expect 0 "$DEJA" pack --policy external --i-have-reviewed 'a made-up password' --ticket T-4711 -o out.deja rec
tar --zstd -xOf out.deja note.txt >note
grep -q 'ticket: T-4711' note && grep -q 'reviewed: a made-up password' note || fail "the note lacks them: $(cat note)"
expect 0 "$DEJA" redact -o safe rec
# What goes with it is looked at, too: the note, as text and as a file, and annotations.
expect 1 "$DEJA" pack --policy external --note 'log in with password=Tr0ub4dor-3' -o note.deja safe
one_line 'the note: .* finds secrets in it'
echo 'token=Tr0ub4dor-4' >note
expect 1 "$DEJA" pack --policy external --note note -o note.deja safe
[ ! -e note.deja ] || fail "it was packed"
expect 0 "$DEJA" pack --policy external --note 'nothing of interest' -o note.deja safe
cp -a safe noted
expect 0 "$DEJA" annotate --comment 'it says password=Tr0ub4dor-5 here' noted
expect 1 "$DEJA" pack --policy external -o noted.deja noted
expect 0 "$DEJA" pack --policy external --name '{app}-{issue}' --ticket 'T/4' safe
[ -s cat-T_4.deja ] || fail "another name: $(ls)"
expect 0 "$DEJA" scan cat-T_4.deja
expect 0 "$DEJA" verify cat-T_4.deja
expect 0 "$DEJA" pack -o inside.deja rec
expect 125 "$DEJA" pack --name '{app}-{issue}' rec
one_line '--ticket'
expect 125 "$DEJA" pack --name '{nothing}' rec
one_line '{app}'
