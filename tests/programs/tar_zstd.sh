# The same with zstd's own threads.
NEED=(zstd)
setup() { mkdir d; for i in $(seq 50); do seq $((i * RANDOM / 30)) >d/$i; done; }
CMD=(sh -c 'tar cf - d | zstd -q | sha256sum')
