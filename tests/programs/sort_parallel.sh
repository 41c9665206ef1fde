# Two threads that compare for long without a call, by bytes and by the rules of a locale.
NEED=(sort openssl)
setup() { openssl rand 6000000 | base64 -w 16 >lines; }
CMD=(sh -c 'LC_ALL=C sort --parallel=2 -S 100M lines | sha256sum
	LC_ALL=C.UTF-8 sort --parallel=2 -S 100M lines | sha256sum')
