# It computes until SIGALRM ends it through a flag, and prints how many rounds that were.
NEED=(openssl)
CMD=(openssl speed -seconds 1 -bytes 64 sha256)
check() { grep -q 'sha256' "$1"; }
