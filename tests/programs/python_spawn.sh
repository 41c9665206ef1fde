# multiprocessing with processes that inherit nothing: they find the semaphores by name.
NEED=(python3)
CMD=(python3 "$TESTS/programs/python_multiprocessing.py" spawn)
check() { grep -q '^raced [0-9]' "$1" && grep -q '^done at' "$1"; }
