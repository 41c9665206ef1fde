# Another user from the exec on, by a program that keeps its capabilities until then.
NEED=(setpriv)
CMD=(sh -c '[ "$(id -u)" = 0 ] || { echo "skip: needs root"; exit 77; }
	setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "id; echo \$PPID; exec date +%N"; id -u')
check() { grep -q '^uid=65534' "$1" && [ "$(wc -l <"$1")" = 4 ]; }
