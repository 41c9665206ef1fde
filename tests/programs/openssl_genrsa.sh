# A key from the library's own random generator.
NEED=(openssl)
CMD=(openssl genrsa 2048)
check() { grep -q 'PRIVATE KEY' "$1"; }
