# Children started several at a time, in the order they happen to end.
CMD=(sh -c 'seq 20 | xargs -P 4 -n 1 sh -c "sleep 0.00\$((\$\$ % 9)); echo \$\$ \$0"')
check() { [ "$(wc -l <"$1")" = 20 ]; }
