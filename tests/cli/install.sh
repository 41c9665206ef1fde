# `make install`: the installed tree stands alone, records and replays; its manual pages are
# there; a program builds against the header and library that pkg-config names.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v make >/dev/null || skip "make is not installed"
# What is built is installed as it is: nothing is built here, beside other tests.
unset MAKEFLAGS MAKELEVEL
limit make -s -C "$ROOT" -o all BUILD="${BUILD:-$ROOT/build}" DESTDIR="$PWD/stage" PREFIX=/opt/deja install >log 2>&1 ||
	fail "make install: $(tail -3 log)"
# It works where it is put.
mv stage/opt/deja tree
prefix=$PWD/tree
deja=$prefix/bin/deja
expect 5 "$deja" record -q -o rec -- sh -c 'date +%N; exit 5'
cp stdout recorded
expect 5 "$deja" replay rec
cmp -s stdout recorded || fail "the installed command: another output"
for command in $("$deja" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	[ -s "$prefix/share/man/man1/deja-$command.1" ] || fail "no manual page deja-$command(1)"
done
[ -s "$prefix/share/man/man1/deja.1" ] || fail "no manual page deja(1)"
bad=$(find "$prefix" ! -perm -444 -o -perm /022)
[ -z "$bad" ] || fail "modes: $bad"

cat >count.c <<'C'
#include <deja.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	struct deja_error err = {0};
	deja_recording *rec = deja_open(argv[1], &err);
	deja_cursor *cur = rec ? deja_cursor_open(rec, 0, &err) : NULL;
	unsigned long events = 0, writes = 0;
	struct deja_event ev;
	int rc = -1;

	while (cur && (rc = deja_next(cur, &ev, &err)) == 1) {
		const char *name = deja_call_name(ev.id);

		events++;
		writes += name && !strcmp(name, "write");
	}
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", deja_strerror(err.code), err.message);
		return 1;
	}
	printf("%lu of %lu events, %lu writes\n", events,
	       (unsigned long)deja_header(rec)->event_count, writes);
	deja_cursor_close(cur);
	deja_close(rec);
	return 0;
}
C
if command -v pkg-config >/dev/null; then
	export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
	flags=$(pkg-config --define-variable=prefix="$prefix" --cflags --libs --static libdeja) || fail "pkg-config"
else
	flags=$(sed -n 's/^\(Libs\|Cflags\): //p' "$prefix/lib/pkgconfig/libdeja.pc" |
		sed "s,\${libdir},$prefix/lib,; s,\${includedir},$prefix/include," | tac | tr '\n' ' ')
fi
# shellcheck disable=SC2086
gcc -Wall -Wextra -Wno-unused-parameter -Werror -std=c99 -o count count.c $flags >log 2>&1 || fail "the example does not build: $(head -3 log)"
expect 0 ./count rec
read -r seen _ known _ writes _ <stdout
[ "$seen" = "$known" ] && [ "$seen" -gt 50 ] && [ "$writes" -ge 1 ] || fail "the example says: $(cat stdout)"
expect 1 ./count nothing-here
# The example that is installed: what it says of a server is what the requests were.
# shellcheck disable=SC2086
gcc -Wall -Wextra -Werror -std=c99 -o turns "$prefix/share/doc/deja/turns.c" $flags >log 2>&1 || fail "turns.c does not build: $(head -3 log)"
background "$deja" record -q -o served -- /usr/bin/python3 "$TESTS/look/http_server.py" "$PWD/port" 12
wait_for port || fail "the server did not start"
mkdir client
limit /usr/bin/python3 "$TESTS/look/http_client.py" "$(cat port)" 12 client || fail "the client"
wait "${BACKGROUND[0]}" || fail "recording the server"
BACKGROUND=()
expect 0 ./turns served
[ "$(grep -c '^turn [0-9]*: answered after [0-9.]* ms, tcp .* <- ' stdout)" = 12 ] || fail "turns says: $(cat stdout)"
expect 1 ./turns nothing-here
if command -v g++ >/dev/null; then
	printf '#include <deja.h>\n#include <deja_look.h>\n' >header.cc
	g++ -Wall -Wextra -Werror -fsyntax-only -I"$prefix/include" header.cc || fail "the header is no C++"
fi
