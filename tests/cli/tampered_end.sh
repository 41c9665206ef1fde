# The last event is missing (the process's exit): the replay that ends by itself all the same
# is not called a success, since its status was never checked.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

expect 0 "$DEJA" record -q -o ended -- "$CASES/random"
n=$(tamper end ended)
expect 120 "$DEJA" verify ended
has_line "diverged at event $n of process"
expect 120 "$DEJA" replay ended
