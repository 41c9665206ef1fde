# zstd with two threads, which compress for long without a call.
NEED=(zstd openssl)
setup() {
	openssl rand $((4000000 * LOAD)) | base64 >"$DIR/data" && cp "$DIR/data" . &&
		CMD=(zstd -q -9 -T2 -c data)
	[ "$ENDING" = stop ] || CMD+=(data{,,,,}{,,,,}{,,,,})
}
ready() { :; }
stop() { :; }
check() { zstd -dcq "$1" | cmp - "$DIR/data"; }
