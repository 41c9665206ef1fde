# shellcheck shell=bash disable=SC2034
# Functions shared by tests/run, tests/programs/*.sh and tests/cli/*.sh. Sourced by bash.
# Needs: ROOT (the source tree), DEJA (the command under test), PATH as set by tests/run;
# BUILD (where it was built) is ROOT/build unless set, CASES (the victims) BUILD/tests/cases.

TESTS=$ROOT/tests
CASES=${CASES:-${BUILD:-$ROOT/build}/tests/cases}

# The environment every program under test gets, natively and recorded, NUL-separated;
# arguments are further VAR=value. DIR is the test's directory. The replay gets another one (hermetic_replay).
base_env() {
	printf '%s\0' "PATH=$PATH" "HOME=$DIR/home" LANG=C.UTF-8 TERM=dumb USER=tester "$@"
}

# Every step has this limit; the status is 124 then.
limit() { timeout -k 5 "${STEP_TIMEOUT:-60}" "$@"; }

# What cuts a command off the network, where that is possible.
if unshare -n true 2>/dev/null; then
	CUT="unshare -n"
elif unshare -rn true 2>/dev/null; then
	CUT="unshare -rn"
else
	CUT=
fi

# quietly CMD...: without bash's own remark when CMD dies of a signal.
# CMD's own stderr goes, too.
quietly() { { "$@"; } 2>/dev/null; }

# quiet_limit CMD...: limit without that remark, and with CMD's stderr.
quiet_limit() {
	{ (exec timeout -k 5 "${STEP_TIMEOUT:-60}" "$@" 2>&3 3>&-); } 3>&2 2>/dev/null
}

# hermetic_replay REC OUT ERR [EMPTY]: replays REC in the empty directory EMPTY (made here),
# without network, under other pids and another environment. Returns its status; says so
# and returns 199 when it left something in the directory. OUT and ERR may be the same file.
hermetic_replay() {
	local empty=${4:-$PWD/empty} status=0
	rm -rf "$empty"
	mkdir -p "$empty"
	quietly hermetic_replay_in "$1" "$2" "$3" "$empty" || status=$?
	if [ -n "$(ls -A "$empty")" ]; then
		echo "the replay left in its directory: $(ls -A "$empty" | head -3 | tr '\n' ' ')" >>"$3"
		return 199
	fi
	rmdir "$empty"
	return $status
}

hermetic_replay_in() (
	: >"$2"
	: >"$3"
	cd "$4" || exit 199
	exec </dev/null >>"$2" 2>>"$3"
	# shellcheck disable=SC2086
	exec timeout -k 5 "${STEP_TIMEOUT:-60}" $CUT env -i PATH=/usr/bin:/bin HOME=/nonexistent \
		TZ=Asia/Tokyo LANG=C OTHER_WORLD=an-environment-of-another-size \
		${ASAN_OPTIONS:+ASAN_OPTIONS=$ASAN_OPTIONS} "$DEJA" replay "$1"
)

# wait_for FILE [SECONDS]: until FILE exists and is not empty.
wait_for() {
	local i
	for ((i = 0; i < ${2:-20} * 50; i++)); do
		[ -s "$1" ] && return 0
		sleep 0.02
	done
	echo "$1 did not appear" >&2
	return 1
}

# A TCP port on the loopback that was free a moment ago.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_port PORT: until something listens there.
wait_port() {
	local i
	for ((i = 0; i < 500; i++)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
		sleep 0.02
	done
	echo "nobody listens on port $1" >&2
	return 1
}

# descendants PID: the processes below it, one a line.
descendants() {
	local child
	[ -n "$1" ] || return 0
	for child in $(pgrep -P "$1"); do
		echo "$child"
		descendants "$child"
	done
}

# background CMD...: starts a helper that stop_background ends by its pid; a tests/cli script
# that fails ends its helpers, too.
BACKGROUND=()
background() {
	"$@" </dev/null >"${HELPER_LOG:-/dev/null}" 2>&1 &
	BACKGROUND+=($!)
}
stop_background() {
	local pid
	for pid in "${BACKGROUND[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	BACKGROUND=()
}

# http_server DIR: serves DIR, sets PORT. A page /dynamic differs at every request.
http_server() {
	rm -f "$1.port"
	background python3 "$TESTS/http_server.py" "$1" "$1.port"
	wait_for "$1.port" || return 1
	PORT=$(cat "$1.port")
}

# skip REASON: ends a tests/cli script as not run.
skip() {
	echo "skip: $*"
	exit 77
}

# fail TEXT: ends a tests/cli script.
fail() {
	stop_background
	echo "$*" >&2
	exit 1
}

# expect STATUS CMD...: CMD's status must be this; stdout in ./stdout, stderr in ./stderr.
expect() {
	local want=$1 got=0
	shift
	limit "$@" >stdout 2>stderr </dev/null || got=$?
	[ "$got" = "$want" ] || {
		sed 's/^/  /' stderr >&2
		fail "$* gave status $got, not $want"
	}
}

# one_line PATTERN: stderr of the last expect is one line of deja's that matches.
one_line() {
	[ "$(wc -l <stderr)" = 1 ] || fail "not one line on stderr: $(cat stderr)"
	grep -q '^deja: ' stderr || fail "not deja's line: $(cat stderr)"
	grep -qiE -- "$1" stderr || fail "the line lacks '$1': $(cat stderr)"
}

# has_line PATTERN: stderr of the last expect has such a line of deja's.
has_line() {
	grep -E '^deja: ' stderr | grep -qiE -- "$1" || fail "no line of deja's matches '$1': $(cat stderr)"
}

# tamper ARG...: alters a recording (tests/tamper.py).
tamper() { python3 "$TESTS/tamper.py" "$@" || fail "tamper.py $*"; }

# diverges REC EVENT: replay and verify stop there.
diverges() {
	expect 120 "$DEJA" replay "$1"
	has_line "diverged at event $2 of process"
	for word in 'expected:' 'got:' 'likely cause:'; do
		grep -q "$word" stderr || fail "$1: the report lacks '$word': $(cat stderr)"
	done
	expect 120 "$DEJA" verify "$1"
	has_line "diverged at event $2 of process"
	! grep -q '^OK' stdout || fail "$1: verify says OK of a recording that diverges"
}
