# Every command with bad input of many kinds, full devices and readers that have gone: one clear line, a status.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

DEJA=$DEJA timeout 250 /usr/bin/python3 "$TESTS/look/bad_inputs.py" >said 2>&1 || fail "$(head -20 said)"
[ "$(sed 's/ inputs.*//' said)" -ge 400 ] || fail "too few: $(head -1 said)"
