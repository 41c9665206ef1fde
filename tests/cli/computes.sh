# A replay that computes for ever is ended, once it has used 6 times DEJA_WATCHDOG of the processor's time
# and 1000 times what it took when recorded; with a thread that waits meanwhile, too. One that computes
# longer than DEJA_WATCHDOG, as the recorded run did, is not.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >rounds.c <<'C'
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *wait_for_end(void *fd)
{
	char c;
	(void)!read(*(int *)fd, &c, 1);
	return NULL;
}
int main(int argc, char **argv)
{
	volatile unsigned long long rounds = 0, i;
	int p[2];
	pthread_t t;
	if (argc > 2 && (pipe(p) || pthread_create(&t, NULL, wait_for_end, p)))
		return 2;
	if (pread(open(argv[1], O_RDONLY), (void *)&rounds, 8, 0) != 8)
		return 3;
	for (i = 0; i < rounds; i++)
		;
	write(1, "end\n", 4);
	_exit(4);
}
C
${CC:-cc} -O1 -o rounds rounds.c -lpthread || skip "no compiler"
printf '\x10\0\0\0\0\0\0\0' >few
for how in "" thread; do
	rec=rec$how
	# shellcheck disable=SC2086
	expect 4 "$DEJA" record -q -o $rec -- ./rounds few $how
	expect 4 "$DEJA" replay $rec
	python3 "$TESTS/tamper.py" flip-inbound $rec pread64 >/dev/null || fail "tamper.py" # the last byte's last bit
	DEJA_WATCHDOG=1 STEP_TIMEOUT=100 expect 120 "$DEJA" replay $rec
	[ ! -s stdout ] || fail "$rec: it came to its end: $(cat stdout)"
	has_line 'makes no progress: it computes far longer than the recorded run did'
	grep -q 'is due: .*write' stderr || fail "$rec: the event that does not come is not shown: $(cat stderr)"
done

# Two seconds and more, as recorded.
printf '\0\0\0\xc0\0\0\0\0' >many
expect 4 "$DEJA" record -q -o long -- ./rounds many
DEJA_WATCHDOG=1 expect 4 "$DEJA" replay long
