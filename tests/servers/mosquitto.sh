# mosquitto with subscribers and publishers, persistence on.
NEED=(mosquitto mosquitto_sub mosquitto_pub)
setup() {
	PORT=$(free_port)
	printf 'listener %s 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\n' \
		"$PORT" "$DIR/work" >mosquitto.conf
	CMD=(mosquitto -v -c "$DIR/work/mosquitto.conf")
}
load() {
	local sub i
	timeout 40 mosquitto_sub -p "$PORT" -t 'a/#' -q 2 -C $((20 * LOAD)) >messages &
	sub=$!
	until_true grep -q 'Sending SUBACK' "$DIR/record.err" || { kill $sub; return 1; }
	for ((i = 0; i < LOAD; i++)); do
		seq 20 | mosquitto_pub -p "$PORT" -t a/b -q 1 -l -r || { kill $sub; return 1; }
	done
	wait $sub && [ "$(wc -l <messages)" = $((20 * LOAD)) ]
}
