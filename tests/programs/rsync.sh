# Three processes over socket pairs copy a tree, twice.
NEED=(rsync)
setup() { mkdir from; for i in $(seq 40); do head -c $((i * 1000)) /dev/urandom >from/$i; done; ln -s 1 from/link; }
CMD=(sh -c 'rsync -avi from/ to && date >from/1 && rsync -avi --stats --delete from/ to && sha256sum to/* | tail -3')
