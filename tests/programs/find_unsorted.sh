# The kernel's own order of names and inode numbers.
setup() { for i in $(seq 200); do echo "$i" >"f$RANDOM$i"; done; }
CMD=(find . -printf '%i %T@ %p\n')
