# xz with two threads, which compress for long without a call.
NEED=(xz openssl)
setup() {
	openssl rand $((2000000 * LOAD)) | base64 >"$DIR/data" && cp "$DIR/data" . &&
		CMD=(xz -1 -T2 --block-size=1MiB -c data)
	[ "$ENDING" = stop ] || CMD+=(data{,,,,}{,,,,}{,,,,})
}
ready() { :; }
stop() { :; }
check() { xz -dc "$1" | cmp - "$DIR/data"; }
