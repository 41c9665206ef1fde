# Python's multiprocessing: semaphores in shared memory, queues, a pool, processes that race.
NEED=(python3)
CMD=(python3 "$TESTS/programs/python_multiprocessing.py" fork)
check() { grep -q '^raced [0-9]' "$1" && grep -q '^done at' "$1"; }
