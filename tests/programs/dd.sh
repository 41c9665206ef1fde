# Blocks copied; the speed is printed on stderr.
setup() { head -c 3000000 /dev/urandom >in; }
CMD=(sh -c 'dd if=in of=out bs=64k count=40 && dd if=/dev/urandom bs=100 count=3 status=none | sha256sum && cmp -n 2621440 in out')
