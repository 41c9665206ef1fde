# The recording's stdin is not there when it is replayed.
CMD=(sh -c 'read -r a; echo "$a of $$"; cat; cat /dev/stdin')
check() { grep -q '^first line of stdin of' "$1" && grep -q '^second line$' "$1"; }
