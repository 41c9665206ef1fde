# A program looks at its own memory.
CMD=(cat /proc/self/maps)
check() { grep -q '\[stack\]' "$1" && grep -q '\[vdso\]' "$1"; }
