# A program looks at its own descriptors: no other than without deja.
CMD=(ls -la /proc/self/fd)
check() { [ "$(grep -cE ' [0-9]+ -> ' "$1")" = 4 ]; } # 0, 1, 2 and the directory itself
