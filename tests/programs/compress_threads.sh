# Compressors whose threads compute for long without a call.
NEED=(xz zstd openssl)
setup() { openssl rand 3000000 | base64 >data; }
CMD=(sh -c 'xz -1 -T2 --block-size=1MiB -c data | sha256sum; zstd -q -9 -T2 -c data | sha256sum')
