# An editor without a screen edits a file.
NEED=(vim)
setup() { seq 10 >file; }
CMD=(sh -c "vim -es -u NONE -N -c '2,4d' -c '%s/^9\$/nine/' -c 'put =localtime()' -c 'put =getpid()' -c wq file; cat file")
check() { grep -q '^nine$' "$1"; }
