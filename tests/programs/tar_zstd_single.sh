# An archive of files with new times, compressed and hashed, one thread each.
NEED=(zstd)
setup() { mkdir d; for i in $(seq 50); do seq $((i * RANDOM / 30)) >d/$i; done; }
CMD=(sh -c 'tar cf - d | zstd --single-thread --no-asyncio -q | sha256sum; tar cvf /dev/null d | head -5')
