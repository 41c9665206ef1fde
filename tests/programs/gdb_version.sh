# A large program that starts an interpreter inside.
NEED=(gdb)
CMD=(gdb -nx -batch -ex 'python import os, random; print(os.getpid(), random.random())' -ex 'print 6 * 7')
check() { grep -q '= 42' "$1"; }
