# bash by itself: process substitution, here-strings, coprocess, arrays, traps, read -t.
CMD=(bash -c 'diff <(echo $RANDOM) <(echo $RANDOM); read -r x <<<"$EPOCHREALTIME"; echo "$x"
	coproc cat; echo "to the coprocess $BASHPID" >&"${COPROC[1]}"; read -r y <&"${COPROC[0]}"; echo "$y"
	exec {COPROC[1]}>&-; wait; trap "echo at exit $SECONDS" EXIT; printf "%(%s)T\n" -1
	read -t 0.05 z </dev/zero; echo "read gave $?"; ulimit -n; umask; times | head -c 3')
