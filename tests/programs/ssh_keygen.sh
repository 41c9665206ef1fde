# A key pair in files, and its picture.
NEED=(ssh-keygen)
CMD=(sh -c "ssh-keygen -q -t ed25519 -N '' -C test -f key && cat key key.pub && ssh-keygen -lv -f key")
check() { grep -q 'OPENSSH PRIVATE KEY' "$1"; }
