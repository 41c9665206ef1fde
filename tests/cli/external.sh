# Children that cannot be preloaded (static, set-uid) are named in a warning; what they did to
# their parent and what they printed is reproduced without them.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >p.c <<'C'
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	printf("%s: pid %d, %ld\n", argv[1], getpid(), ts.tv_nsec);
	fprintf(stderr, "%s to stderr\n", argv[1]);
	return 9;
}
C
gcc -static -o static p.c || fail "no static libc here"
children=(./static)
if [ "$(id -u)" = 0 ]; then
	gcc -o setuid p.c && chown 65534 setuid && chmod 4755 setuid && chmod 755 . || fail "chown"
	children+=(./setuid)
	# an ordinary program, executed as two users at once
	gcc -o plain p.c && cat >two_users.c <<'C' && gcc -o two_users two_users.c || fail "two users"
#include <unistd.h>
int main(int argc, char **argv)
{
	(void)argc;
	return seteuid(65534) || execv("./plain", argv);
}
C
	children+=(./two_users)
fi
for child in "${children[@]}"; do
	name=${child#./}
	expect 9 "$DEJA" record -o "$name.rec" -- sh -c "echo before; $child direct; echo status \$?; x=\$($child captured); echo \"got \$x\"; $child piped | tr a-z A-Z; exec $child last"
	cp stdout "$name.out"
	grep -q "^direct: pid" stdout && grep -q "^status 9" stdout && grep -q "^got captured: pid" stdout &&
		grep -q "^PIPED" stdout && grep -q "^last: pid" stdout || fail "$name: recorded output: $(cat stdout)"
	has_line "${name/two_users/real and effective user}"
	grep -v '^deja: ' stderr >"$name.err"
done
mkdir away && mv static setuid two_users plain away 2>/dev/null
for child in "${children[@]}"; do
	name=${child#./}
	expect 9 "$DEJA" replay "$name.rec"
	cmp -s stdout "$name.out" || fail "$name: another stdout: $(diff "$name.out" stdout)"
	grep -v '^deja: ' stderr | cmp -s - "$name.err" || fail "$name: another stderr: $(cat stderr)"
	expect 0 "$DEJA" info --json "$name.rec"
	python3 -c 'import json; h = json.load(open("stdout")); assert len(h["externals"]) >= 3, h["externals"]' ||
		fail "$name: info --json does not list the externals"
done
