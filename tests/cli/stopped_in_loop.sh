# Recording ends, or the program is killed, while threads wait for each other in loops: the replay ends there, too.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >loop.c <<'END'
#include <pthread.h>
#include <unistd.h>
static volatile int turn;
static void *loop(void *self)
{
	for (;;) {
		while (turn != (int)(long)self)
			WAIT;
		getppid();
		turn = !turn;
	}
}
int main(void)
{
	pthread_t t;

	pthread_create(&t, 0, loop, (void *)1L);
	loop((void *)0L);
}
END
${CC:-cc} -O2 -DWAIT='__asm__ volatile("pause")' -o pauses loop.c -lpthread || skip "no compiler"
${CC:-cc} -O2 -DWAIT='__asm__ volatile("")' -o plain loop.c -lpthread || fail "cc"
for way in pauses plain; do
	expect 137 "$DEJA" record -q --max-time 200ms -o stopped.$way -- timeout -s KILL 1 ./$way
	expect 123 "$DEJA" replay stopped.$way
	expect 137 "$DEJA" record -q -o killed.$way -- timeout -s KILL 0.3 ./$way
	expect 137 "$DEJA" replay killed.$way
	for rec in stopped.$way killed.$way; do
		"$DEJA" verify "$rec" >verified 2>&1
		grep -q '^OK ' verified || fail "$rec: $(cat verified)"
	done
done
