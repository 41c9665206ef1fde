# A key made, with its agent in the background; signed and verified with it. libgcrypt takes random numbers
# and the counter from the processor itself.
NEED=(gpg gpg-agent)
SHELL_CMD='mkdir -m 700 home && export GNUPGHOME=$PWD/home
gpg -q --batch --passphrase "" --quick-gen-key "T Est <t@example.org>" ed25519 sign never 2>/dev/null || exit 1
echo text | gpg -q --batch --clearsign >signed 2>/dev/null || exit 1
gpg -q --batch --verify signed 2>/dev/null && echo verified
cat signed; gpg -q --list-keys --with-colons 2>/dev/null | grep -E "^(pub|fpr)"
gpgconf --kill all'
CMD=(sh -c "$SHELL_CMD")
check() { grep -q '^verified$' "$1"; }
