# redis under redis-benchmark: pipelines, BGSAVE (a fork), the append-only file, MULTI, Lua,
# publish and subscribe.
NEED=(redis-server redis-cli redis-benchmark)
SOAK_REPLAYS=100
setup() {
	PORT=$(free_port)
	CMD=(redis-server --port "$PORT" --dir "$DIR/work" --appendonly yes --save "1 10")
}
cli() { redis-cli -p "$PORT" "$@"; }
answers() { cli ping | grep -q PONG; }
ready() { wait_port "$PORT" && until_true answers; }
load() {
	redis-benchmark -p "$PORT" -q -n $((1000 * LOAD)) -c 20 -t set,get,lpush,incr,zadd &&
		redis-benchmark -p "$PORT" -q -n $((2000 * LOAD)) -c 20 -P 16 -t set,get || return
	background timeout 10 redis-cli -p "$PORT" subscribe channel
	cli <<-'END' || return
		MULTI
		INCR a
		SET b 1
		EXEC
		EVAL "redis.call('set', KEYS[1], ARGV[1]); return redis.call('time')" 1 k v
		BGSAVE
		PUBLISH channel hello
		RANDOMKEY
		BGREWRITEAOF
		INFO
	END
	[ "$ENDING" != stop ] || until_true grep -q 'Background saving terminated with success' "$DIR/record.out"
}
stop() { cli shutdown nosave; }
check() { grep -q 'bye bye' "$1" && grep -q 'Background saving terminated with success' "$1"; }
