# Three background children of bash: random numbers, pids, clock, their order.
CMD=(bash -c 'for i in 1 2 3; do echo $RANDOM $$ $(date +%N) & done; wait')
check() { [ "$(wc -l <"$1")" = 3 ]; }
