# Random bytes through a pipeline.
NEED=(xxd)
CMD=(sh -c 'head -c 64 /dev/urandom | xxd')
check() { [ "$(wc -l <"$1")" = 4 ]; }
